"""Class scores as bars on matplotlib axes."""

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

    Raises:
        ValueError: If there are no scores or they do not fit the classes.
    """
    wrong = {name: np.shape(s) for name, s in scores.items() if np.shape(s) != (len(classes),)}
    if wrong or not scores:
        raise ValueError(f'expected scores ({len(classes)},) of at least one model, got {wrong}')
    best = np.max(list(scores.values()), axis=0)
    shown = [int(k) for k in np.argsort(-best, kind='stable')[:top]]
    if label is not None and label not in shown:
        shown[-1] = label
    height = 0.8 / len(scores)
    for rank, (name, values) in enumerate(scores.items()):
        places = np.arange(len(shown)) + (rank - (len(scores) - 1) / 2) * height
        bars = axes.barh(
            places,
            [values[k] for k in shown],
            height,
            label=name,
            color=COLOURS[rank % len(COLOURS)],
        )
        axes.bar_label(bars, fmt='%.2f', padding=2, fontsize=7)
    axes.set_yticks(range(len(shown)), [printable(classes[k], 60) for k in shown], fontsize=9)
    for text, k in zip(axes.get_yticklabels(), shown, strict=True):
        text.set_fontweight('bold' if k == label else 'normal')
    axes.set_xlim(0, 1.15)
    axes.set_xticks([0, 0.5, 1])
    axes.invert_yaxis()
    axes.spines[['top', 'right']].set_visible(False)
