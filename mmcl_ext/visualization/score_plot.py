"""Class scores on matplotlib axes: as bars, and over the frames of a clip."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from mmcl_ext.fileio.printable import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ('#8c8c8c', '#dd8452', '#55a868', '#8172b3')
"""Colours of the models, in their order."""


def draw_scores(
    axes: 'Axes',
    scores: Mapping[str, np.ndarray],
    classes: Sequence[str],
    label: int | None = None,
    *,
    top: int = 4,
) -> None:
    """Draw the highest of (K,) class scores from 0 to 1 of one sample, by the names of the models.

    Shown are the ``top`` highest classes of any model and, in bold, the true one where it is known.
    """
    wrong = {name: np.shape(s) for name, s in scores.items() if np.shape(s) != (len(classes),)}
    if wrong or not scores:
        raise ValueError(f'expected scores ({len(classes)},) of at least one model, got {wrong}')
    best = np.max(list(scores.values()), axis=0)
    shown = [int(k) for k in np.argsort(-best, kind='stable')[:top]]
    if label is not None and label not in shown and label < len(classes):  # else of other classes
        shown[-1] = label
    height = 0.8 / len(scores)
    for rank, (name, values) in enumerate(scores.items()):
        places = np.arange(len(shown)) + (rank - (len(scores) - 1) / 2) * height
        colour = COLOURS[rank % len(COLOURS)]
        bars = axes.barh(places, [values[k] for k in shown], height, label=name, color=colour)
        axes.bar_label(bars, fmt='%.2f', padding=2, fontsize=7)
    axes.set_yticks(range(len(shown)), [printable(classes[k], 60) for k in shown], fontsize=9)
    for text, k in zip(axes.get_yticklabels(), shown, strict=True):
        text.set_fontweight('bold' if k == label else 'normal')
    axes.set_xlim(0, 1.15)
    axes.set_xticks([0, 0.5, 1])
    axes.invert_yaxis()
    axes.spines[['top', 'right']].set_visible(False)


_COLOURS = ('#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9')


def draw_timeline(
    axes: 'Axes',
    frames: np.ndarray,
    probability: np.ndarray,
    classes: Sequence[str],
    label: int | None = None,
    *,
    num_frames: int,
    top: int = 5,
) -> list[int]:
    """Draw how the probabilities (W, K) of the leading classes change over a clip.

    Prediction w was made at frame ``frames[w]``, counted from 0; frames before the first one are
    shaded. The plot is as wide as the ``num_frames`` of the clip.

    Returns:
        The classes drawn, the highest first: the ``top`` (at most six) with the highest probability
        anywhere; the true ``label``, if known, is always among them and broader.
    """
    if probability.shape != (len(frames), len(classes)) or not len(frames):
        raise ValueError(
            f'expected ({len(frames)}, {len(classes)}) probabilities of at least one frame, got '
            f'{probability.shape}'
        )
    if not 1 <= top <= len(_COLOURS):
        raise ValueError(f'top is from 1 to {len(_COLOURS)}, got {top}')
    shown = np.argsort(-probability.max(axis=0), kind='stable')[:top].tolist()
    if label is not None and label not in shown:
        shown[-1] = label
    for k, colour in zip(shown, _COLOURS, strict=False):
        width = 3.0 if k == label else 1.6
        axes.plot(frames + 1, probability[:, k], 'o-', ms=3.5, lw=width, color=colour)
        axes.lines[-1].set_label(printable(classes[k], 60))
    axes.axvspan(1, frames[0] + 1, color='#f2f2f2', lw=0, zorder=0)  # no window is full yet
    axes.set_xlim(1, max(num_frames, 2))
    axes.set_ylim(-0.03, 1.05)
    axes.set_yticks([0, 0.5, 1])
    axes.set_xlabel('frame')
    axes.set_ylabel('probability')
    axes.grid(axis='y', alpha=0.25)
    axes.spines[['top', 'right']].set_visible(False)
    return shown
