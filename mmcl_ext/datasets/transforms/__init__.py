"""Transforms of skeleton sequences (M, T, V, C)."""

from mmcl_ext.datasets.transforms.augmentation import RandomJointDrop as RandomJointDrop
from mmcl_ext.datasets.transforms.augmentation import RandomMirror as RandomMirror
from mmcl_ext.datasets.transforms.augmentation import RandomPartDrop as RandomPartDrop
from mmcl_ext.datasets.transforms.augmentation import RandomRotation as RandomRotation
from mmcl_ext.datasets.transforms.augmentation import RandomScale as RandomScale
from mmcl_ext.datasets.transforms.augmentation import RandomView as RandomView
from mmcl_ext.datasets.transforms.format_skeleton import FormatSkeleton as FormatSkeleton
from mmcl_ext.datasets.transforms.format_skeleton import InterpolateJoints as InterpolateJoints
from mmcl_ext.datasets.transforms.format_skeleton import SkeletonStream as SkeletonStream
from mmcl_ext.datasets.transforms.frames import PickFrames as PickFrames
from mmcl_ext.datasets.transforms.frames import TrimStill as TrimStill
from mmcl_ext.datasets.transforms.frames import UniformSample as UniformSample
from mmcl_ext.datasets.transforms.frames import ValidCropResize as ValidCropResize
from mmcl_ext.datasets.transforms.placement import AlignSkeleton as AlignSkeleton
from mmcl_ext.datasets.transforms.placement import CenterSkeleton as CenterSkeleton
from mmcl_ext.datasets.transforms.placement import FaceSensor as FaceSensor
from mmcl_ext.datasets.transforms.placement import NormalizeRange as NormalizeRange
