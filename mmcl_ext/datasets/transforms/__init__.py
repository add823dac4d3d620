"""Transforms of skeleton sequences (M, T, V, C)."""

from mmcl_ext.datasets.transforms.align_skeleton import AlignSkeleton
from mmcl_ext.datasets.transforms.center_skeleton import CenterSkeleton
from mmcl_ext.datasets.transforms.face_sensor import FaceSensor
from mmcl_ext.datasets.transforms.format_skeleton import FormatSkeleton
from mmcl_ext.datasets.transforms.interpolate_joints import InterpolateJoints
from mmcl_ext.datasets.transforms.normalize_range import NormalizeRange
from mmcl_ext.datasets.transforms.pick_frames import PickFrames
from mmcl_ext.datasets.transforms.random_joint_drop import RandomJointDrop
from mmcl_ext.datasets.transforms.random_mirror import RandomMirror
from mmcl_ext.datasets.transforms.random_part_drop import RandomPartDrop
from mmcl_ext.datasets.transforms.random_rotation import RandomRotation
from mmcl_ext.datasets.transforms.random_scale import RandomScale
from mmcl_ext.datasets.transforms.random_view import RandomView
from mmcl_ext.datasets.transforms.skeleton_stream import SkeletonStream
from mmcl_ext.datasets.transforms.trim_still import TrimStill
from mmcl_ext.datasets.transforms.uniform_sample import UniformSample
from mmcl_ext.datasets.transforms.valid_crop_resize import ValidCropResize

__all__ = [
    'AlignSkeleton',
    'CenterSkeleton',
    'FaceSensor',
    'FormatSkeleton',
    'InterpolateJoints',
    'NormalizeRange',
    'PickFrames',
    'RandomJointDrop',
    'RandomMirror',
    'RandomPartDrop',
    'RandomRotation',
    'RandomScale',
    'RandomView',
    'SkeletonStream',
    'TrimStill',
    'UniformSample',
    'ValidCropResize',
]
