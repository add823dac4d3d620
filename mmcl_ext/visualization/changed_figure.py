"""Picture of samples that two models see differently."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mmcl_ext.visualization.prediction import Prediction
from mmcl_ext.visualization.score_plot import draw_scores
from mmcl_ext.visualization.skeleton_plot import draw_sequence

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_changed(
    predictions: Sequence[Prediction], classes: Sequence[str], layout: Any, *, title: str = ''
) -> 'Figure':
    """Draw one row per sample: the skeleton, and the scores of both models.

    Args:
        predictions: The samples.
        classes: K class names; the true one is printed in bold.
        layout: Name, object or description of the skeletons' layout.
        title: Heading of the picture.

    Raises:
        ValueError: There are no samples or their scores do not fit the classes.
    """
    from matplotlib.figure import Figure

    if not predictions:
        raise ValueError('no samples to draw')
    figure = Figure(figsize=(13, 0.8 + 2.2 * len(predictions)), layout='constrained')
    table = figure.subplots(
        len(predictions), 2, squeeze=False, gridspec_kw={'width_ratios': (1.6, 1.0)}
    )
    for row, prediction in zip(table, predictions, strict=True):
        draw_sequence(row[0], prediction.keypoint, layout)
        row[0].set_title(prediction.title, fontsize=10, loc='left', fontweight='bold')
        draw_scores(row[1], prediction.scores, classes, prediction.label)
    table[0, 1].legend(fontsize=8, loc='lower right', frameon=False)
    if title:
        figure.suptitle(title, fontsize=12)
    return figure
