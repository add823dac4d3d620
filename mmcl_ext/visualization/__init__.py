"""Pictures of skeletons and predictions."""

from mmcl_ext.visualization.prediction_figure import Prediction, draw_predictions, save_figure
from mmcl_ext.visualization.score_plot import draw_scores
from mmcl_ext.visualization.skeleton_plot import draw_sequence, draw_skeleton

__all__ = [
    'Prediction',
    'draw_predictions',
    'draw_scores',
    'draw_sequence',
    'draw_skeleton',
    'save_figure',
]
