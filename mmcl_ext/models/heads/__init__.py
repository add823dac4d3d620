"""Classification heads."""

from mmcl_ext.models.heads.gcn_head import GCNHead
from mmcl_ext.models.heads.heatmap_head import HeatmapHead
from mmcl_ext.models.heads.infogcn_head import InfoGCNHead
from mmcl_ext.models.heads.pooled_head import PooledHead

__all__ = ['GCNHead', 'HeatmapHead', 'InfoGCNHead', 'PooledHead']
