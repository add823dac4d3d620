"""The published networks that have reference outputs."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from mmcl_ext.checkpoints import families
from mmcl_ext.models import SkeletonRecognizer
from test_models.helpers import NTU, fixture


class Family(NamedTuple):
    """A published network, its reference file, and how close ours has to be."""

    fixture: str
    backbone: dict
    head: str
    parameters: dict[int, int]
    small: dict
    float64: float = 1e-9
    float32: float = 1e-5
    training: float = 1e-8
    run: str = ''
    """Which of several recorded runs is compared."""


RANDOM = dict(type='SkeletonGraph', layout='nturgb+d', mode='random')
HIERARCHY = dict(type='HDGraph', layout='nturgb+d', flatten=None)
SMALL = dict(base_channels=16, num_stages=3, inflate_stages=(3,), down_stages=(2,))

FAMILIES = {
    'ctrgcn': Family(
        'ctrgcn_ntu60',
        dict(type='CTRGCN', graph_cfg=NTU),
        'GCNHead',
        {60: 1_446_672, 120: 1_462_092},
        SMALL,
    ),
    'ctrsgcn': Family(
        'ctrsgcn_ntu60',
        dict(type='CTRSGCN', graph_cfg=NTU),
        'GCNHead',
        {60: 2_092_902, 120: 2_108_322},
        SMALL,
    ),
    'hdgcn': Family(
        'hdgcn_com1_ntu60',
        dict(type='HDGCN', graph_cfg=dict(HIERARCHY, center=1)),
        'GCNHead',
        {60: 1_659_980, 120: 1_675_400},
        SMALL,
        float32=1e-4,  # a choice of nearest neighbours amplifies rounding
    ),
    'infogcn': Family(
        'infogcn_ntu60_k1',
        dict(type='InfoGCN', graph_cfg=NTU, k=1),
        'InfoGCNHead',
        {60: 1_556_807, 120: 1_572_227},
        SMALL,
        float64=1e-6,  # the authors' attention rounds to float32
    ),
    'dgstgcn64': Family(
        'dgstgcn64_ntu60',
        dict(type='DGSTGCN', graph_cfg=RANDOM),
        'GCNHead',
        {60: 1_701_172, 120: 1_716_592},
        SMALL,
        training=1e-7,  # training amplifies rounding
    ),
    'dgstgcn96': Family(
        'dgstgcn96_ntu60',
        dict(type='DGSTGCN', graph_cfg=RANDOM, base_channels=96),
        'GCNHead',
        {60: 3_728_796, 120: 3_751_896},
        SMALL,
        float32=2e-5,
        training=1e-7,
    ),
}

FAMILIES['hypergcn'] = Family(
    'hypergcn_base_ntu60',
    dict(type='HyperGCN', graph_cfg=dict(NTU, layout='nturgb+d')),
    'GCNHead',
    {60: 1_041_677, 120: 1_057_097},  # the authors' count holds 56,448 constants
    SMALL,
    training=1e-9,
    run='_direct',  # distances without the authors' matrix product, which rounds them
)
for _name, _topology, _count in (('notopo', False, 1_243_884), ('topo', True, 1_372_780)):
    FAMILIES[f'blockgcn_{_name}'] = Family(
        f'blockgcn_{_name}_ntu60',
        dict(type='BlockGCN', graph_cfg=dict(NTU, layout='nturgb+d'), topology=_topology),
        'GCNHead',
        {60: _count, 120: _count + 15_420},
        SMALL,
        float64=1e-6 if _topology else 1e-9,  # the authors' distances are rounded to float32
        float32=2e-5 if _topology else 1e-5,
    )
FAMILIES['lagcn'] = Family(
    'lagcn_ntu60',
    dict(type='LAGCN', graph_cfg=NTU),
    'GCNHead',
    {60: 1_442_576, 120: 1_457_996},
    SMALL,
)


def build(name: str, num_classes: int = 60, **kwargs: object) -> SkeletonRecognizer:
    """Build a family's recognizer."""
    backbone = dict(FAMILIES[name].backbone, **kwargs)
    backbone['type'] = f'mmcl_ext.{backbone["type"]}'
    head = dict(type=f'mmcl_ext.{FAMILIES[name].head}', num_classes=num_classes)
    preprocessor = dict(type='mmcl_ext.SkeletonDataPreprocessor')
    return SkeletonRecognizer(backbone, head, preprocessor)


Converter = Callable[[Mapping[str, Tensor]], dict[str, Tensor]]


def converter(name: str) -> families.Family:
    """Find what converts a family's published states."""
    backbone = FAMILIES[name].backbone['type']
    return next(found for found in families.FAMILIES if found.backbone == backbone)


def converters(name: str) -> tuple[Converter, Converter]:
    """Return the conversions from and to the official layout."""
    return converter(name).to_ours, converter(name).to_theirs


def official(shared: Path, name: str) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Load a family's reference file, without what only its training has."""
    state, data = fixture(shared, FAMILIES[name].fixture)
    train_only = converter(name).train_only
    return {key: x for key, x in state.items() if not key.startswith(train_only)}, data
