"""Picture of what each class gains from one run to another."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mmcl_ext.visualization.new_figure import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GAIN_COLOURS = {True: '#4c72b0', False: '#c44e52'}
"""Colours of gains and of losses."""


def draw_gains(
    accuracies: np.ndarray,
    classes: Sequence[str],
    names: tuple[str, str],
    *,
    largest: int = 60,
) -> 'Figure':
    """Draw the gain of each class as a bar, with its accuracies (K, 2) from 0 to 1 in both runs.

    Classes with NaN are left out; of more than ``largest`` those that changed most are drawn.

    Raises:
        ValueError: The accuracies do not fit the classes.
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
