"""Data sets: the annotation store, the data set classes and their transforms."""

from mmcl_ext.datasets import transforms
from mmcl_ext.datasets.mapped_skeleton_dataset import MappedSkeletonDataset
from mmcl_ext.datasets.repeat_dataset import RepeatDataset
from mmcl_ext.datasets.samplers import ClassBalancedSampler, RepeatSampler
from mmcl_ext.datasets.skeleton_dataset import SkeletonDataset
from mmcl_ext.datasets.store import SkeletonStore, write_store
from mmcl_ext.datasets.store.annotation_pickle import AnnotationPickle

__all__ = [
    'AnnotationPickle',
    'ClassBalancedSampler',
    'MappedSkeletonDataset',
    'RepeatDataset',
    'RepeatSampler',
    'SkeletonDataset',
    'SkeletonStore',
    'transforms',
    'write_store',
]
