"""The page on backbones runs, and its numbers are measured."""

import re
from pathlib import Path

import pytest
from mmengine.registry import DefaultScope

from mmcl_ext.models import SkeletonRecognizer
from mmcl_ext.registry import MODELS
from test_models import catalogue

GRAPH = dict(type='SkeletonGraph', layout='nturgb+d-ctrgcn', mode='spatial')
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


def test_parameters_are_measured(repo: Path) -> None:
    rows = re.findall(
        r'^\| `(\w+)`(?: with `(.*?)`)? \|.*? \| ([\d,]+) \|', page(repo), re.MULTILINE
    )
    assert {name for name, _, _ in rows} == set(catalogue.names())
    for name, arguments, count in rows:
        graph = HIERARCHY if name == 'HDGCN' else GRAPH
        backbone = dict(type=name, graph_cfg=graph, **eval(f'dict({arguments})'))
        head = 'InfoGCNHead' if name == 'InfoGCN' else 'GCNHead'
        with DefaultScope.overwrite_default_scope('mmcl_ext'):
            model = SkeletonRecognizer(backbone, dict(type=head, num_classes=60))
        assert f'{sum(p.numel() for p in model.parameters()):,}' == count
