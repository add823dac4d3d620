"""Combinations without a file: what docs/configs.md says about them is what was in their files."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from mmaction.structures import ActionDataSample
from mmengine.registry import init_default_scope
from training import GradientsKept, without_gradient

from mmcl_ext.apis import load_config
from mmcl_ext.registry import MODELS
from test_configs.combinations import BACKBONES, CONFIGS, DATA, Combination, combinations

ALL = {c.name: c for c in combinations()}
REMOVED = json.loads(Path(__file__).with_name('removed_configs.json').read_text())
RUN = ('model', 'train_dataloader', 'val_dataloader', 'test_dataloader', 'val_evaluator')
RUN += ('test_evaluator', 'train_cfg', 'val_cfg', 'test_cfg', 'optim_wrapper', 'param_scheduler')
RUN += ('auto_scale_lr',)
"""What of a configuration decides about a result, hooks apart."""
INFOGCN = load_config(CONFIGS / '_base_/models/infogcn.py').model.to_dict()
HD_GRAPH = "graph = dict(_delete_=True, type='HDGraph', layout='{}', center=1, flatten='union')"
TINY = {
    'model.backbone.base_channels': 8,
    'model.backbone.num_stages': 2,
    'model.backbone.inflate_stages': [2],
    'model.backbone.down_stages': [2],
}
TINY_BRANCH = {'model.co_learning.image_encoder': dict(_delete_=True, type='PlainCNN')}


def chosen_data(combination: Combination) -> str:
    """Choose one data set for each kind of combination, all of them among the kinds."""
    kind = BACKBONES.index(combination.backbone)
    return DATA[(kind + 2 * combination.hd_graph + (combination.folder == 'mmcl')) % len(DATA)]


STEPPED = [
    pytest.param(name, marks=[] if c.data == chosen_data(c) else [pytest.mark.slow])
    for name, c in ALL.items()
]
"""By default each backbone, graph and kind of training once, and each data set many times."""


@pytest.fixture(autouse=True)
def _scope():
    init_default_scope('mmcl_ext')


def resolved_hash(cfg: dict[str, Any]) -> str:
    """Hash what decides about a result; a default counts as if it had been written."""
    text = json.dumps({key: cfg.get(key) for key in RUN})
    # where texts lie: named after the output of the extraction since then
    cfg = json.loads(text.replace('text/hidden_states.safetensors', 'text_features.safetensors'))
    for setting in ('val_begin', 'val_interval', 'dynamic_intervals'):
        cfg['train_cfg'].pop(setting, None)
    model = cfg['model']
    model.pop('data_preprocessor', None)  # the default of its class everywhere
    if model['backbone']['type'] == 'InfoGCN':
        for part in ('backbone', 'cls_head'):
            model[part] = INFOGCN[part] | model[part]
    return hashlib.sha256(json.dumps(cfg, sort_keys=True).encode()).hexdigest()[:16]


def write_child(folder: Path, base: str, *lines: str) -> Path:
    child = folder / 'child.py'
    child.write_text('\n'.join([f"_base_ = '{CONFIGS / base}'", *lines]) + '\n')
    return child


def infogcn_on_nwucla(kind: str, folder: Path) -> Path:
    """InfoGCN has a schedule of its own there, so its file is the one to start from."""
    graph = HD_GRAPH.format('kinect_v1')
    child = (graph, 'model = dict(backbone=dict(graph_cfg=graph))')
    return write_child(folder, f'{kind}/infogcn_nwucla.py', *child)


def load(name: str, folder: Path):
    """Load a configuration that had a file, in the documented way."""
    if (CONFIGS / f'{name}.py').is_file():
        return load_config(CONFIGS / f'{name}.py')
    if name.endswith('/infogcn_hdgraph_nwucla'):
        return load_config(infogcn_on_nwucla(name.partition('/')[0], folder))
    return ALL[name].load()


@pytest.mark.slow
@pytest.mark.parametrize('name', REMOVED)
def test_what_had_a_file_is_still_to_be_had(name, tmp_path):
    assert resolved_hash(load(name, tmp_path).to_dict()) == REMOVED[name]


def test_infogcns_settings_are_the_defaults_of_its_classes():
    """So that the types are all that an option has to name."""
    written, default = (
        MODELS.build(cfg.model)
        for cfg in (
            load_config(CONFIGS / 'skeleton/infogcn_ntu60.py'),
            Combination('skeleton', 'infogcn', 'ntu60').load(),
        )
    )
    for model in (written, default):
        assert model.backbone.k == 1
        assert model.cls_head.noise_ratio == 0.5
        assert model.cls_head.label_smooth_eps == 0.1
        loss = model.cls_head.loss_mmd
        assert (loss.marginal_weight, loss.conditional_weight) == (1e-4, 0.1)


def batch(cfg):
    """Two random samples with all that the model asks for."""
    joints, persons = (25, 2) if 'ntu' in cfg.ann_file else (20, 1)
    samples = [ActionDataSample().set_gt_label(label) for label in (3, 5)]
    inputs = dict(keypoint=[torch.randn(1, persons, 16, joints, 3) for _ in samples])
    branch = cfg.model.get('co_learning')
    if branch:
        shape = (3, 32, 32)
        inputs['image'] = [torch.randint(0, 256, shape, dtype=torch.uint8) for _ in samples]
    if branch and branch.get('frm'):
        inputs['text'] = [torch.randn(5) for _ in samples]
    return dict(inputs=inputs, data_samples=samples)


def tiny(cfg):
    """Options that make a configuration small and independent of files."""
    branch = cfg.model.get('co_learning')
    text = {'model.co_learning.frm.text_channels': 5} if branch and branch.get('frm') else {}
    return TINY | (TINY_BRANCH if branch else {}) | text


@pytest.mark.parametrize('name', STEPPED)
def test_every_combination_trains_a_step(name):
    combination = ALL[name]
    cfg = combination.load(tiny(combination.load()))
    model = MODELS.build(cfg.model)
    expected = 'HDGraph' if combination.hd_graph else 'SkeletonGraph'
    assert type(model.backbone.graph).__name__ == expected
    assert type(model).__name__ == (
        'MMCLRecognizer' if combination.folder == 'mmcl' else 'SkeletonRecognizer'
    )
    logged = model.train_step(batch(cfg), GradientsKept(model))
    assert logged['loss'].isfinite()
    assert without_gradient(model) == []


def test_all_combinations_are_there():
    """Eleven backbones, four data sets, two graphs (HD-GCN: one), with and without co-learning."""
    found = {(c.folder, c.backbone, c.data, c.hd_graph) for c in ALL.values()}
    assert len(found) == 2 * len(DATA) * (2 * len(BACKBONES) - 1)


def test_a_child_of_three_lines_equals_the_options(tmp_path):
    lines = "backbone = dict(type='AAGCN', graph_cfg=dict(mode='mmaction_spatial'))"
    child = write_child(
        tmp_path, 'skeleton/ctrgcn_utdmhad.py', lines, 'model = dict(backbone=backbone)'
    )
    expected = ALL['skeleton/aagcn_utdmhad'].load()
    assert resolved_hash(load_config(child).to_dict()) == resolved_hash(expected.to_dict())


@pytest.mark.parametrize(
    ('layout', 'base', 'file'),
    [
        ('kinect_v1', 'skeleton/ctrgcn_utdmhad', 'skeleton/ctrgcn_hdgraph_utdmhad'),
        ('nturgb+d', 'mmcl/ctrgcn_ntu120', 'mmcl/ctrgcn_hdgraph_ntu120'),
    ],
)
def test_the_hd_graph_is_two_lines_of_a_child(layout, base, file, tmp_path):
    lines = (HD_GRAPH.format(layout), 'model = dict(backbone=dict(graph_cfg=graph))')
    child = write_child(tmp_path, f'{base}.py', *lines)
    expected = load_config(CONFIGS / f'{file}.py')
    assert resolved_hash(load_config(child).to_dict()) == resolved_hash(expected.to_dict())
