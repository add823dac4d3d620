"""Pictures of runs: confusion matrices, and what each class gains."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from mmcl_ext.visualization.new_figure import new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

_COUNTED = 30  # up to so many classes a number in each cell can be read


def draw_confusion(
    confusions: Mapping[str, np.ndarray],
    classes: Sequence[str],
    *,
    shown: Sequence[int] | None = None,
    title: str = '',
) -> 'Figure':
    """Draw confusion matrices side by side: the (K, K) counts of each run; row: true class.

    The colour is the share of the true class. It grows with the square root, so that a few
    confused samples are seen beside the many right ones. Only the classes ``shown`` are drawn, in
    this order; shares are of all samples of a class even then.
    """
    size = (len(classes), len(classes))
    wrong = {name: c.shape for name, c in confusions.items() if c.shape != size}
    if wrong or not confusions:
        raise ValueError(f'expected confusion matrices {size}, got {wrong or "none"}')
    order = list(range(len(classes)) if shown is None else shown)
    names = [classes[k] for k in order]
    figure, panels, bar = _lay_out(len(confusions), names, bool(title))
    for axes, (name, confusion) in zip(panels, confusions.items(), strict=True):
        image = _draw_matrix(axes, confusion, order, names)
        inches = axes.get_position().width * figure.get_figwidth()
        fitting = 72 * inches / (0.65 * max(len(name), 1))  # points, for the panel's width
        axes.set_title(name, fontsize=min(11.0, fitting), fontweight='bold')
    for axes in panels[1:]:
        axes.tick_params(labelleft=False)
    panels[0].set_ylabel('true class')
    figure.colorbar(image, cax=bar, label='share of the true class')
    bar.set_yticks([0, 0.05, 0.2, 0.5, 1], labels=['0', '5 %', '20 %', '50 %', '100 %'])
    if title:
        figure.suptitle(title, fontsize=12, y=1 - 0.15 / figure.get_figheight())
    return figure


def _lay_out(
    number: int, names: Sequence[str], has_title: bool
) -> tuple['Figure', list['Axes'], 'Axes']:
    """Make square panels of a size that the names can be read at, and a colour bar."""
    is_large = len(names) > _COUNTED
    side = max(3.0, (0.12 if is_large else 0.34) * len(names))  # inches, like all here
    margin = (0.046 if is_large else 0.065) * max(map(len, names)) + 0.5
    gap, top, right = 0.3, 0.8 if has_title else 0.45, 1.1
    width = margin + number * side + (number - 1) * gap + right
    height = margin + side + top
    figure = new_figure(figsize=(width, height))

    def add(left: float, low: float, wide: float, high: float) -> 'Axes':
        return figure.add_axes((left / width, low / height, wide / width, high / height))

    panels = [add(margin + i * (side + gap), margin, side, side) for i in range(number)]
    return figure, panels, add(width - right + 0.15, margin, 0.15, min(side, 4.0))


def most_confused_classes(confusions: Sequence[np.ndarray], number: int) -> list[int]:
    """Choose up to ``number`` classes with the most errors in the (K, K) counts of all runs.

    An error counts for the true and for the predicted class. Classes that are confused with each
    other stand side by side.
    """
    if number < 1:
        raise ValueError(f'the number of classes to draw must be positive, got {number}')
    errors = np.sum(confusions, axis=0) * ~np.eye(len(confusions[0]), dtype=bool)
    both = errors + errors.T
    worst = np.argsort(-both.sum(axis=1), kind='stable')[:number].tolist()
    order = worst[:1]
    while len(order) < len(worst):  # next: who is most often confused with the last one
        left = [k for k in worst if k not in order]
        order.append(max(left, key=lambda k: both[order[-1], k]))
    return order


def _draw_matrix(
    axes: 'Axes', confusion: np.ndarray, order: Sequence[int], names: Sequence[str]
) -> 'AxesImage':
    from matplotlib.colors import PowerNorm

    totals = confusion.sum(axis=1, keepdims=True)
    shares = (confusion / np.maximum(totals, 1))[np.ix_(order, order)]
    image = axes.imshow(shares, cmap='Blues', norm=PowerNorm(0.5, 0, 1), aspect='equal')
    is_large = len(order) > _COUNTED
    size = 6 if is_large else 8
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=size)
    axes.set_yticks(range(len(names)), names, fontsize=size)
    axes.tick_params(length=1 if is_large else 3)
    axes.set_xlabel('predicted class')
    if not is_large:
        counts = confusion[np.ix_(order, order)]
        for i, j in zip(*np.nonzero(counts), strict=True):
            colour = 'white' if shares[i, j] > 0.35 else 'black'
            axes.text(j, i, str(counts[i, j]), ha='center', va='center', fontsize=7, color=colour)
    return image


GAIN_COLOURS = {True: '#4c72b0', False: '#c44e52'}


def draw_gains(
    accuracies: np.ndarray,
    classes: Sequence[str],
    names: tuple[str, str],
    *,
    largest: int = 60,
) -> 'Figure':
    """Draw the gain of each class as a bar, with its accuracies (K, 2) from 0 to 1 in both runs.

    Classes with NaN are left out; of more than ``largest`` those that changed most are drawn.
    """
    if accuracies.shape != (len(classes), 2):
        raise ValueError(f'expected accuracies ({len(classes)}, 2), got {accuracies.shape}')
    gains = 100 * (accuracies[:, 1] - accuracies[:, 0])
    present = np.flatnonzero(np.isfinite(gains))
    kept = present[np.argsort(-np.abs(gains[present]), kind='stable')[:largest]]
    order = kept[np.argsort(-gains[kept], kind='stable')]
    figure = new_figure(figsize=(9, 1.2 + 0.24 * len(order)), layout='constrained')
    axes = figure.subplots()
    axes.barh(
        range(len(order)), gains[order], color=[GAIN_COLOURS[bool(g >= 0)] for g in gains[order]]
    )
    limit = max(1.0, float(np.abs(gains[order]).max()))
    for place, k in enumerate(order):
        end, side = gains[k], 1 if gains[k] >= 0 else -1
        text = f'{end:+.1f}  ({100 * accuracies[k, 0]:.1f} → {100 * accuracies[k, 1]:.1f})'
        axes.text(
            end + side * 0.02 * limit, place, text, va='center', fontsize=7,
            ha='left' if side > 0 else 'right',
        )  # fmt: skip
    axes.set_yticks(range(len(order)), [classes[k] for k in order], fontsize=8)
    axes.set_ylim(len(order) - 0.4, -0.6)
    axes.set_xlim(-1.55 * limit, 1.55 * limit)
    axes.axvline(0, color='black', linewidth=0.8)
    axes.set_xlabel('gain in accuracy, points')
    axes.spines[['top', 'right', 'left']].set_visible(False)
    left_out = len(present) - len(order)
    note = f'\nthe {len(order)} of {len(present)} classes that changed most' if left_out else ''
    axes.set_title(f'{names[1]} minus {names[0]}{note}', fontsize=11)
    return figure
