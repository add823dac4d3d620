"""Models: backbones, heads, preprocessors and recognizers of skeletons."""

from mmcl_ext.models.backbones.aagcn import AAGCN
from mmcl_ext.models.backbones.blockgcn import BlockGCN
from mmcl_ext.models.backbones.ctrgcn import CTRGCN
from mmcl_ext.models.backbones.ctrsgcn import CTRSGCN
from mmcl_ext.models.backbones.dgstgcn import DGSTGCN
from mmcl_ext.models.backbones.hdgcn import HDGCN
from mmcl_ext.models.backbones.hypergcn import HyperGCN
from mmcl_ext.models.backbones.infogcn import InfoGCN
from mmcl_ext.models.backbones.lagcn import LAGCN
from mmcl_ext.models.backbones.posec3d import PoseC3D
from mmcl_ext.models.backbones.skeleton_backbone import SkeletonBackbone
from mmcl_ext.models.backbones.stgcn import STGCN
from mmcl_ext.models.heads.gcn_head import GCNHead
from mmcl_ext.models.heads.heatmap_head import HeatmapHead
from mmcl_ext.models.heads.infogcn_head import InfoGCNHead
from mmcl_ext.models.losses.latent_mmd_loss import LatentMMDLoss
from mmcl_ext.models.preprocessors.body_part_mixup import BodyPartMixup
from mmcl_ext.models.preprocessors.skeleton_data_preprocessor import SkeletonDataPreprocessor
from mmcl_ext.models.recognizers.skeleton_recognizer import SkeletonRecognizer
from mmcl_ext.models.recognizers.transfer_recognizer import TransferRecognizer

__all__ = [
    'AAGCN',
    'CTRGCN',
    'CTRSGCN',
    'DGSTGCN',
    'HDGCN',
    'LAGCN',
    'STGCN',
    'BlockGCN',
    'BodyPartMixup',
    'GCNHead',
    'HeatmapHead',
    'HyperGCN',
    'InfoGCN',
    'InfoGCNHead',
    'LatentMMDLoss',
    'PoseC3D',
    'SkeletonBackbone',
    'SkeletonDataPreprocessor',
    'SkeletonRecognizer',
    'TransferRecognizer',
]
