"""The page on backbones runs, and its numbers are measured."""

import re
from pathlib import Path

import pytest
import torch
from mmengine.registry import DefaultScope

from mmcl_ext.apis import load_config, use_deployed_model
from mmcl_ext.models import SkeletonRecognizer
from mmcl_ext.registry import MODELS
from test_models import catalogue

GRAPH = dict(type='SkeletonGraph', layout='nturgb+d-ctrgcn', mode='spatial')
RANDOM = dict(type='SkeletonGraph', layout='nturgb+d', mode='random')
HIERARCHY = dict(type='HDGraph', layout='nturgb+d', center=1, flatten=None)


def page(repo: Path) -> str:
    return (repo / 'docs' / 'backbones.md').read_text()


def test_snippets_run(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MODELS, '_module_dict', dict(MODELS.module_dict))
    snippets = re.findall(r'^```python\n(.*?)^```', page(repo), re.DOTALL | re.MULTILINE)
    assert snippets
    names: dict = {}
    with DefaultScope.overwrite_default_scope('mmcl_ext'):
        for snippet in snippets:  # they build on one another, as a reader runs them
            exec(compile(snippet, 'docs/backbones.md', 'exec'), names)


def test_network_in_a_folder_of_its_own(
    repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MODELS, '_module_dict', dict(MODELS.module_dict))
    section = page(repo).partition('### In a folder of your own')[2]
    network, config = re.findall(r'^```python\n(.*?)^```', section, re.DOTALL | re.MULTILINE)
    (tmp_path / 'my_nets').mkdir()
    (tmp_path / 'my_nets/__init__.py').touch()
    (tmp_path / 'my_nets/joint_mlp.py').write_text(network)
    (tmp_path / 'joint_mlp_mmcl.py').write_text(config)
    monkeypatch.syspath_prepend(tmp_path)
    cfg = load_config(tmp_path / 'joint_mlp_mmcl.py')
    use_deployed_model(cfg)
    with DefaultScope.overwrite_default_scope('mmcl_ext'):
        model = MODELS.build(cfg.model)
    logits = model(dict(keypoint=torch.zeros(2, 1, 1, 4, 25, 3)), mode='tensor')
    assert type(model.backbone).__name__ == 'JointMLP'
    assert logits.shape == (2, 13)


def test_parameters_are_measured(repo: Path) -> None:
    rows = re.findall(
        r'^\| `(\w+)`(?: with `(.*?)`)? \|.*? \| ([\d,]+) \|', page(repo), re.MULTILINE
    )
    assert {name for name, _, _ in rows} == set(catalogue.names())
    for name, arguments, count in rows:
        own = dict(HDGCN=HIERARCHY, DGSTGCN=RANDOM, BlockGCN=dict(GRAPH, layout='nturgb+d'))
        graph = own.get(name, GRAPH)
        backbone = dict(type=name, graph_cfg=graph, **eval(f'dict({arguments})'))
        head = 'InfoGCNHead' if name == 'InfoGCN' else 'GCNHead'
        with DefaultScope.overwrite_default_scope('mmcl_ext'):
            model = SkeletonRecognizer(backbone, dict(type=head, num_classes=60))
        assert f'{sum(p.numel() for p in model.parameters()):,}' == count
