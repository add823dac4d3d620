"""Transforms of skeleton sequences (M, T, V, C)."""

from mmcl_ext.datasets.transforms.center_skeleton import CenterSkeleton
from mmcl_ext.datasets.transforms.format_skeleton import FormatSkeleton
from mmcl_ext.datasets.transforms.random_rotation import RandomRotation
from mmcl_ext.datasets.transforms.skeleton_stream import SkeletonStream
from mmcl_ext.datasets.transforms.valid_crop_resize import ValidCropResize

__all__ = [
    'CenterSkeleton',
    'FormatSkeleton',
    'RandomRotation',
    'SkeletonStream',
    'ValidCropResize',
]
