"""Samplers: which items an epoch visits, and in which order."""

from mmcl_ext.datasets.samplers.class_balanced_sampler import ClassBalancedSampler
from mmcl_ext.datasets.samplers.repeat_sampler import RepeatSampler

__all__ = ['ClassBalancedSampler', 'RepeatSampler']
