"""A picture of predictions: skeletons, images and scores."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mmcl_ext.fileio.atomic_file import atomic_path
from mmcl_ext.fileio.printable import printable
from mmcl_ext.visualization.new_figure import new_figure
from mmcl_ext.visualization.score_plot import draw_scores
from mmcl_ext.visualization.skeleton_plot import draw_sequence

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_HEADINGS = ('what the models see: the skeleton', 'what they do not see', 'their scores')


@dataclass(frozen=True)
class Prediction:
    """One sample of the class ``label`` and what models make of it.

    The reader should know its ``title``; ``keypoint`` is (T, V, C) or (M, T, V, C), ``scores`` are
    (K,) by the model's name, ``image`` is (H, W, 3) uint8, RGB.
    """

    title: str
    keypoint: np.ndarray
    scores: Mapping[str, np.ndarray]
    label: int
    image: np.ndarray | None = None


def draw_predictions(
    predictions: Sequence[Prediction],
    classes: Sequence[str],
    layout: Any,
    *,
    title: str = '',
    headings: tuple[str, str, str] | None = _HEADINGS,
) -> 'Figure':
    """Draw one row per sample: skeleton, image and scores; the true class is printed in bold.

    Without ``headings`` of the three columns there are no images either.
    """
    if not predictions:
        raise ValueError('no predictions: there are no samples to draw')
    figure = new_figure(figsize=(14, 0.9 + 2.35 * len(predictions)), layout='constrained')
    widths = (1.6, 1.0, 1.1) if headings else (1.6, 1.0)
    ratios = {'width_ratios': widths}
    table = figure.subplots(len(predictions), len(widths), squeeze=False, gridspec_kw=ratios)
    for row, prediction in zip(table, predictions, strict=True):
        draw_sequence(row[0], prediction.keypoint, layout)
        row[0].set_title(printable(prediction.title), fontsize=10, loc='left', fontweight='bold')
        if headings:
            _draw_image(row[1], prediction)
        draw_scores(row[-1], prediction.scores, classes, prediction.label)
    for axes, heading in zip(table[0], headings or (), strict=False):
        below = axes.get_title(loc='left')
        axes.set_title(f'{heading}\n', fontsize=11, style='italic')
        axes.set_title(below, fontsize=10, loc='left', fontweight='bold')
    table[0, -1].legend(fontsize=8, loc='lower right', frameon=False)
    if title:
        figure.suptitle(title, fontsize=12)
    return figure


def save_figure(figure: 'Figure', path: str | os.PathLike, dpi: int = 110) -> None:
    """Write a picture; its ending chooses the format. A half-written file never has its name."""
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=dpi)


def _draw_image(axes: 'Axes', prediction: Prediction) -> None:
    axes.axis('off')
    if prediction.image is not None:
        # Tiles of a composite are narrower than the crops they come from: widen them again.
        axes.imshow(prediction.image, aspect='auto')
