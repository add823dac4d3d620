"""The registered backbones, their variants, and the graphs that each supports."""

import mmcl_ext.models  # noqa: F401
from mmcl_ext.graphs import layout_names
from mmcl_ext.registry import MODELS

PLACE = 'mmcl_ext.models.backbones.'
ON_HEATMAPS = ('PoseC3D',)
"""Registered beside the others with a contract of their own."""

SMALL = dict(base_channels=16, num_stages=4, inflate_stages=(3,), down_stages=(3,))
SPATIAL = dict(type='SkeletonGraph', mode='spatial')
RANDOM = dict(type='SkeletonGraph', mode='random')
UNION = dict(type='HDGraph', flatten='union')
HIERARCHY = dict(type='HDGraph', flatten=None)
LEVELS = dict(type='HDGraph', flatten='levels')
VARIANTS = {
    'BlockGCN': [{}, dict(topology=False)],
    'CTRGCN': [{}, dict(relu_after_concat=True)],
    'CTRSGCN': [{}, dict(topology='graph')],
    'DGSTGCN': [{}],
    'HDGCN': [{}],
    'HyperGCN': [{}],
    'LAGCN': [{}],
    'InfoGCN': [{}, dict(k=8, topology='graph')],
    'STGCN': [
        {},
        dict(data_bn_type='MVC'),
        dict(gcn_adaptive='init', gcn_with_res=True, tcn_type='mstcn'),
    ],
    'AAGCN': [{}, dict(gcn_attention=False)],
}


def names() -> list[str]:
    """List the backbones that the package registers, those on heat maps apart."""
    found = {c for c in MODELS.module_dict.values() if c.__module__.startswith(PLACE)}
    return sorted({c.__name__ for c in found} - set(ON_HEATMAPS))


def graphs(name: str) -> list[dict]:
    """List one graph per layout, and the HD-Graphs, that a backbone supports."""
    if name == 'HDGCN':
        every = [dict(HIERARCHY, layout=layout) for layout in layout_names()]
        return [*every, dict(HIERARCHY, layout='kinect_v1', center=2)]
    every = [dict(SPATIAL, layout=layout) for layout in layout_names()]
    if name == 'DGSTGCN':
        every.append(dict(RANDOM, layout='nturgb+d'))
    levels = dict(LEVELS, layout='kinect_v1', center=2)
    return [*every, dict(UNION, layout='nturgb+d'), levels]


def coco(name: str) -> dict:
    return next(graph for graph in graphs(name) if graph['layout'] == 'coco')
