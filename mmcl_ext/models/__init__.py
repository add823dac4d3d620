"""Models: backbones, heads, preprocessors and the skeleton-only recognizer."""

from mmcl_ext.models.backbones import AAGCN, CTRGCN, CTRSGCN, HDGCN, STGCN, InfoGCN, PoseC3D
from mmcl_ext.models.heads import GCNHead, HeatmapHead, InfoGCNHead
from mmcl_ext.models.losses import LatentMMDLoss
from mmcl_ext.models.preprocessors import SkeletonDataPreprocessor
from mmcl_ext.models.recognizers import SkeletonRecognizer

__all__ = [
    'AAGCN',
    'CTRGCN',
    'CTRSGCN',
    'HDGCN',
    'STGCN',
    'GCNHead',
    'HeatmapHead',
    'InfoGCN',
    'InfoGCNHead',
    'LatentMMDLoss',
    'PoseC3D',
    'SkeletonDataPreprocessor',
    'SkeletonRecognizer',
]
