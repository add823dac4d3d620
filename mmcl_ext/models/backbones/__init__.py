"""Skeleton backbones, (N, M, T, V, C) to (N, M, C', T', V), and one on heat maps."""

from mmcl_ext.models.backbones.aagcn import AAGCN
from mmcl_ext.models.backbones.ctrgcn import CTRGCN
from mmcl_ext.models.backbones.ctrsgcn import CTRSGCN
from mmcl_ext.models.backbones.hdgcn import HDGCN
from mmcl_ext.models.backbones.infogcn import InfoGCN
from mmcl_ext.models.backbones.posec3d import PoseC3D
from mmcl_ext.models.backbones.skeleton_backbone import SkeletonBackbone
from mmcl_ext.models.backbones.stgcn import STGCN

__all__ = [
    'AAGCN',
    'CTRGCN',
    'CTRSGCN',
    'HDGCN',
    'STGCN',
    'InfoGCN',
    'PoseC3D',
    'SkeletonBackbone',
]
