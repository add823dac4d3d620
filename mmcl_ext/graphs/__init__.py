"""Skeleton layouts and adjacency (numpy and scipy only)."""

from mmcl_ext.graphs.hd_graph import HDGraph
from mmcl_ext.graphs.layout import Layout
from mmcl_ext.graphs.layouts import (
    get_layout,
    layout_names,
    load_layout,
    register_layout,
    resolve_layout,
)
from mmcl_ext.graphs.skeleton_graph import SkeletonGraph

__all__ = [
    'HDGraph',
    'Layout',
    'SkeletonGraph',
    'get_layout',
    'layout_names',
    'load_layout',
    'register_layout',
    'resolve_layout',
]
