"""Plain building blocks; inside, features are (N, C, V, T)."""

from mmcl_ext.models.layers.attention_graph_conv import AttentionGraphConv
from mmcl_ext.models.layers.ctr_graph_conv import CTRGraphConv
from mmcl_ext.models.layers.edge_conv import EdgeConv
from mmcl_ext.models.layers.hierarchy_aggregation import HierarchyAggregation
from mmcl_ext.models.layers.hierarchy_graph_conv import HierarchyGraphConv
from mmcl_ext.models.layers.initialization import init_branches, init_fan_out, init_norm
from mmcl_ext.models.layers.joint_differences import joint_differences
from mmcl_ext.models.layers.multi_scale_temporal_conv import MultiScaleTemporalConv
from mmcl_ext.models.layers.skeleton_block import SkeletonBlock
from mmcl_ext.models.layers.static_graph_conv import StaticGraphConv
from mmcl_ext.models.layers.subset_conv import SubsetConv
from mmcl_ext.models.layers.temporal_conv import TemporalConv, build_shortcut

__all__ = [
    'AttentionGraphConv',
    'CTRGraphConv',
    'EdgeConv',
    'HierarchyAggregation',
    'HierarchyGraphConv',
    'MultiScaleTemporalConv',
    'SkeletonBlock',
    'StaticGraphConv',
    'SubsetConv',
    'TemporalConv',
    'build_shortcut',
    'init_branches',
    'init_fan_out',
    'init_norm',
    'joint_differences',
]
