"""A picture of predictions: skeletons, images and scores."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mmcl_ext.fileio.atomic_file import atomic_path
from mmcl_ext.visualization.prediction import Prediction
from mmcl_ext.visualization.score_plot import draw_scores
from mmcl_ext.visualization.skeleton_plot import draw_sequence

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_HEADINGS = ('what the models see: the skeleton', 'what they do not see', 'their scores')


def draw_predictions(
    predictions: Sequence[Prediction],
    classes: Sequence[str],
    layout: Any,
    *,
    title: str = '',
    headings: tuple[str, str, str] = _HEADINGS,
) -> 'Figure':
    """Draw one row per sample: skeleton, image and scores.

    Args:
        predictions: The samples.
        classes: K class names.
        layout: Name, object or description of the skeletons' layout.
        title: Heading of the picture.
        headings: Headings of the three columns.

    Raises:
        ValueError: If there are no samples or their scores do not fit the classes.
    """
    # The object interface needs no display and leaves the user's backend alone.
    from matplotlib.figure import Figure

    if not predictions:
        raise ValueError('no predictions to draw')
    figure = Figure(figsize=(14, 0.9 + 2.35 * len(predictions)), layout='constrained')
    table = figure.subplots(
        len(predictions), 3, squeeze=False, gridspec_kw={'width_ratios': (1.6, 1.0, 1.1)}
    )
    for row, prediction in zip(table, predictions, strict=True):
        draw_sequence(row[0], prediction.keypoint, layout)
        row[0].set_title(prediction.title, fontsize=10, loc='left', fontweight='bold')
        _draw_image(row[1], prediction)
        draw_scores(row[2], prediction.scores, classes, prediction.label)
    for axes, heading in zip(table[0], headings, strict=True):
        below = axes.get_title(loc='left')
        axes.set_title(f'{heading}\n', fontsize=11, style='italic')
        axes.set_title(below, fontsize=10, loc='left', fontweight='bold')
    table[0, 2].legend(fontsize=8, loc='lower right', frameon=False)
    if title:
        figure.suptitle(title, fontsize=12)
    return figure


def save_figure(figure: 'Figure', path: str | os.PathLike, dpi: int = 110) -> None:
    """Write a picture so that a half-written file is never taken for a whole one.

    Args:
        figure: The picture.
        path: File to write; its ending chooses the format, its folder is made when missing.
        dpi: Pixels per inch.
    """
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=dpi)


def _draw_image(axes: 'Axes', prediction: Prediction) -> None:
    axes.axis('off')
    if prediction.image is not None:
        # Tiles of a composite are narrower than the crops they come from: widen them again.
        axes.imshow(prediction.image, aspect='auto')
