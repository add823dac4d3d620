"""The flagship with another backbone: a few options, or a child of three lines."""

import argparse
from pathlib import Path

import pytest
import torch
from mmaction.structures import ActionDataSample
from mmengine.config import DictAction
from mmengine.registry import init_default_scope
from training import GradientsKept, without_gradient

from mmcl_ext.apis import load_config, use_deployed_model
from mmcl_ext.registry import MODELS

FLAGSHIP = Path(__file__).resolve().parents[2] / 'configs' / 'mmcl' / 'ctrgcn_hdgraph_ntu120.py'
LEVELS = 'model.backbone.graph_cfg.flatten=None'
STGCNPP = 'gcn_adaptive=init gcn_with_res=True tcn_type=mstcn'
OPTIONS = {
    'ctrgcn': [],
    'ctrsgcn': ['model.backbone.type=CTRSGCN'],
    'infogcn': ['model.backbone.type=InfoGCN', 'model.cls_head.type=InfoGCNHead'],
    'hdgcn': ['model.backbone.type=HDGCN', LEVELS],
    'dgstgcn': ['model.backbone.type=DGSTGCN'],
    'hypergcn': ['model.backbone.type=HyperGCN'],
    'blockgcn': ['model.backbone.type=BlockGCN'],
    'lagcn': ['model.backbone.type=LAGCN'],
    'stgcn': ['model.backbone.type=STGCN'],
    'stgcnpp': [f'model.backbone.{o}' for o in f'type=STGCN {STGCNPP}'.split()],
    'aagcn': ['model.backbone.type=AAGCN'],
}
CHILDREN = {
    'ctrgcn': "dict(type='CTRGCN')",
    'ctrsgcn': "dict(type='CTRSGCN')",
    'infogcn': "dict(type='InfoGCN', k=8)",
    'hdgcn': "dict(type='HDGCN', graph_cfg=dict(flatten=None))",
    'dgstgcn': "dict(type='DGSTGCN', base_channels=96)",
    'hypergcn': "dict(type='HyperGCN', virtual_joints=2)",
    'blockgcn': "dict(type='BlockGCN', topology=False)",
    'lagcn': "dict(type='LAGCN')",
    'stgcn': "dict(type='STGCN')",
    'stgcnpp': "dict(type='STGCN', gcn_adaptive='init', gcn_with_res=True, tcn_type='mstcn')",
    'aagcn': "dict(type='AAGCN')",
}
CLASSES = dict(
    ctrgcn='CTRGCN',
    ctrsgcn='CTRSGCN',
    infogcn='InfoGCN',
    hdgcn='HDGCN',
    dgstgcn='DGSTGCN',
    hypergcn='HyperGCN',
    blockgcn='BlockGCN',
    lagcn='LAGCN',
    stgcn='STGCN',
    stgcnpp='STGCN',
    aagcn='AAGCN',
)
TINY = {
    'model.backbone.base_channels': 16,
    'model.backbone.num_stages': 2,
    'model.backbone.inflate_stages': [2],
    'model.backbone.down_stages': [2],
    'model.co_learning.frm.text_channels': 5,
    'model.co_learning.image_encoder': dict(
        _delete_=True,
        type='ImageEncoder',
        backbone=dict(type='mmaction.MobileNetV2', widen_factor=0.1),
        out_channels=1280,
    ),
}


@pytest.fixture(autouse=True)
def _scope():
    init_default_scope('mmcl_ext')


def parse(options):
    parser = argparse.ArgumentParser()
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, default={})
    return parser.parse_args(['--cfg-options', *options] if options else []).cfg_options


def by_options(backbone, folder):
    return load_config(FLAGSHIP, parse(OPTIONS[backbone]) | TINY)


def by_child(backbone, folder):
    child = folder / 'child.py'
    lines = [f"_base_ = '{FLAGSHIP}'", f'backbone = {CHILDREN[backbone]}']
    head = ", cls_head=dict(type='InfoGCNHead')" if backbone == 'infogcn' else ''
    child.write_text('\n'.join([*lines, f'model = dict(backbone=backbone{head})\n']))
    return load_config(child, TINY)


def batch():
    samples = [ActionDataSample().set_gt_label(label) for label in (3, 119)]
    inputs = dict(
        keypoint=[torch.randn(1, 2, 16, 25, 3) for _ in samples],
        image=[torch.randint(0, 256, (3, 32, 32), dtype=torch.uint8) for _ in samples],
        text=[torch.randn(5) for _ in samples],
    )
    return dict(inputs=inputs, data_samples=samples)


@pytest.mark.parametrize('change', [by_options, by_child])
@pytest.mark.parametrize('backbone', OPTIONS)
def test_the_flagship_trains_with(backbone, change, tmp_path):
    cfg = change(backbone, tmp_path)
    model = MODELS.build(cfg.model)
    assert type(model.backbone).__name__ == CLASSES[backbone]
    assert type(model.backbone.graph).__name__ == 'HDGraph'
    assert type(model.cls_head).__name__ == ('InfoGCNHead' if backbone == 'infogcn' else 'GCNHead')
    if change is by_child and backbone == 'infogcn':
        assert model.backbone.k == 8
    logged = model.train_step(batch(), GradientsKept(model))
    assert {'loss_cls', 'loss_align', 'loss_refine'} <= set(logged)
    assert logged['loss'].isfinite()
    assert without_gradient(model) == []

    use_deployed_model(cfg)  # what testing builds: the backbone and its head alone
    plain = MODELS.build(cfg.model).eval()
    plain.load_state_dict(model.state_dict())
    keypoint = dict(keypoint=torch.randn(2, 1, 2, 16, 25, 3))
    with torch.no_grad():
        assert torch.equal(plain(keypoint), model.eval()(keypoint))
