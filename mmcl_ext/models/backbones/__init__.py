"""Skeleton backbones: (N, M, T, V, C) to (N, M, C', T', V)."""

from mmcl_ext.models.backbones.ctrgcn import CTRGCN
from mmcl_ext.models.backbones.skeleton_backbone import SkeletonBackbone

__all__ = ['CTRGCN', 'SkeletonBackbone']
