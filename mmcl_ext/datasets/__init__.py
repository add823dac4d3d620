"""Data sets: the annotation store, the data set classes and their transforms."""

from mmcl_ext.datasets import transforms as transforms
from mmcl_ext.datasets.mapped_skeleton_dataset import MappedSkeletonDataset as MappedSkeletonDataset
from mmcl_ext.datasets.samplers import (
    ClassBalancedSampler as ClassBalancedSampler,
)
from mmcl_ext.datasets.samplers import RepeatSampler as RepeatSampler
from mmcl_ext.datasets.skeleton_dataset import RepeatDataset as RepeatDataset
from mmcl_ext.datasets.skeleton_dataset import SkeletonDataset as SkeletonDataset
from mmcl_ext.datasets.store import SkeletonStore as SkeletonStore
from mmcl_ext.datasets.store import write_store as write_store
from mmcl_ext.datasets.store.annotation_pickle import AnnotationPickle as AnnotationPickle
