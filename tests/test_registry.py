"""The registries: our names first, then MMAction2's, then MMEngine's, without prefixes."""

import importlib
import subprocess
import sys

import pytest
import torch
from mmengine.registry import DefaultScope, Registry

from mmcl_ext import registry

CHILDREN = [
    value
    for value in vars(registry).values()
    if isinstance(value, Registry) and value.scope == 'mmcl_ext' and value.parent is not None
]


@pytest.mark.parametrize('child', CHILDREN, ids=lambda child: child.name)
def test_parent_is_the_registry_of_mmaction2(child: Registry) -> None:
    assert child.parent is not None
    assert child.parent.scope == 'mmaction'
    assert child.parent.name == child.name


@pytest.mark.parametrize('child', CHILDREN, ids=lambda child: child.name)
def test_locations_can_be_imported(child: Registry) -> None:
    """One by one: the registry itself would not look again once it has."""
    assert child._locations
    for location in child._locations:
        importlib.import_module(location)


@pytest.mark.parametrize(
    ('child', 'name', 'package'),
    [
        ('MODELS', 'CTRGCN', 'mmcl_ext'),
        pytest.param('MODELS', 'STGCN', 'mmcl_ext', marks=pytest.mark.slow),
        pytest.param('MODELS', 'mmaction.STGCN', 'mmaction', marks=pytest.mark.slow),
        pytest.param('MODELS', 'ResNet3dSlowOnly', 'mmaction', marks=pytest.mark.slow),
        pytest.param('TRANSFORMS', 'UniformSampleFrames', 'mmaction', marks=pytest.mark.slow),
        ('TRANSFORMS', 'LoadImageFromFile', 'mmcv'),
        pytest.param('METRICS', 'AccMetric', 'mmcl_ext', marks=pytest.mark.slow),
        pytest.param('HOOKS', 'CheckpointHook', 'mmengine', marks=pytest.mark.slow),
        pytest.param('VISUALIZERS', 'ActionVisualizer', 'mmaction', marks=pytest.mark.slow),
        ('OPTIMIZERS', 'SGD', 'torch'),
        pytest.param('GRAPHS', 'HDGraph', 'mmcl_ext', marks=pytest.mark.slow),
    ],
)
def test_names_resolve_in_a_fresh_process(child: str, name: str, package: str) -> None:
    """No import but the registry's: the locations have to bring everything in."""
    code = (
        f'from mmcl_ext.registry import {child} as r\n'
        f'print((r.get({name!r}) or object).__module__.split(".")[0])'
    )
    out = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', code], capture_output=True, text=True, check=True
    )
    assert out.stdout.split()[-1] == package


def test_unprefixed_children_of_foreign_types_resolve_in_ours_first() -> None:
    with DefaultScope.overwrite_default_scope('mmcl_ext'):
        head = registry.MODELS.build(dict(type='GCNHead', num_classes=3, in_channels=8))
    assert type(head).__module__.startswith('mmcl_ext')


def test_our_types_resolve_from_an_mmaction2_scope() -> None:
    from mmaction.registry import MODELS

    backbone = MODELS.build(
        dict(
            type='mmcl_ext.CTRGCN',
            graph_cfg=dict(type='SkeletonGraph', layout='kinect_v1', mode='spatial'),
            base_channels=8,
            num_person=1,
        )
    )
    features = backbone(torch.rand(1, 1, 16, 20, 3))
    assert features.shape[2] == backbone.out_channels


def test_unknown_type_names_itself() -> None:
    with pytest.raises(KeyError, match='NoSuchBackbone'):
        registry.MODELS.build(dict(type='NoSuchBackbone'))
