"""MMAction2's own configurations as bases, with types of ours."""

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from tiny_data import FAST_OPTIONS, tiny_samples, write_tiny_store

from mmcl_ext.apis import load_config, use_deployed_model
from mmcl_ext.datasets import SkeletonDataset
from mmcl_ext.graphs import HDGraph
from mmcl_ext.models import STGCN
from mmcl_ext.registry import MODELS

BASE = 'mmaction::skeleton/stgcn/stgcn_8xb16-joint-u100-80e_ntu60-xsub-keypoint-3d.py'

CHILD = """
_base_ = '{base}'

default_scope = '{scope}'
custom_imports = dict(imports=['mmcl_ext.registry'], allow_failed_imports=False)
graph = dict(type='HDGraph', layout='nturgb+d', center=1, flatten='union')
model = dict(
    type='mmcl_ext.SkeletonRecognizer',
    data_preprocessor=dict(type='mmcl_ext.SkeletonDataPreprocessor'),
    backbone=dict(_delete_=True, type='mmcl_ext.STGCN', graph_cfg=graph),
    cls_head=dict(_delete_=True, type='mmcl_ext.GCNHead', num_classes=60),
)
pack = dict(type='PackActionInputs', collect_keys=('keypoint',))
train, test = ([*p[:-1], pack] for p in (_base_.train_pipeline, _base_.val_pipeline))
dataset = dict(type='mmcl_ext.SkeletonDataset', ann_file='{store}')
train_dataloader = dict(dataset=dict(dataset=dict(**dataset, pipeline=train)))
val_dataloader = dict(dataset=dict(**dataset, pipeline=test))
test_dataloader = val_dataloader
"""


@pytest.fixture
def child(tmp_path):
    samples = [dict(s, keypoint=s['keypoint']) for s in tiny_samples()]
    write_tiny_store(tmp_path / 'store.safetensors', samples=samples)

    def load(scope):
        path = tmp_path / 'child.py'
        store = tmp_path / 'store.safetensors'
        path.write_text(CHILD.format(base=BASE, scope=scope, store=store))
        return Config.fromfile(path)

    return load


@pytest.mark.parametrize('scope', ['mmaction', 'mmcl_ext'])
def test_an_mmaction2_config_trains_with_our_types(child, tmp_path, scope):
    cfg = child(scope)
    init_default_scope(scope)
    cfg.work_dir = str(tmp_path / scope)
    cfg.train_cfg.max_epochs = 1
    cfg.train_dataloader.dataset.times = 1
    cfg.merge_from_dict(FAST_OPTIONS)
    cfg.experiment_name = f'inherits_{scope}'
    runner = Runner.from_cfg(cfg)
    before = {k: v.clone() for k, v in runner.model.named_parameters()}
    runner.train()
    assert isinstance(runner.model.backbone, STGCN)
    assert isinstance(runner.model.backbone.graph, HDGraph)
    assert isinstance(runner.train_dataloader.dataset.dataset, SkeletonDataset)
    weight = 'cls_head.fc.weight'
    assert not torch.equal(before[weight], dict(runner.model.named_parameters())[weight])


def test_mmaction2s_own_model_is_built_under_our_scope(tmp_path):
    path = tmp_path / 'child.py'
    path.write_text(f"_base_ = '{BASE}'\ndefault_scope = 'mmcl_ext'\n")
    cfg = load_config(path)
    init_default_scope('mmcl_ext')
    use_deployed_model(cfg)  # leaves a class without deploy_cfg alone
    model = MODELS.build(cfg.model)
    assert type(model).__name__ == 'RecognizerGCN'
    assert type(model.backbone).__module__.startswith('mmaction.')
