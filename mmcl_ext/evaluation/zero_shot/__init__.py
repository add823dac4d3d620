"""Recognition of a data set by a network that was trained on another."""

from mmcl_ext.evaluation.zero_shot.zero_shot_metric import ZeroShotMetric

__all__ = ['ZeroShotMetric']
