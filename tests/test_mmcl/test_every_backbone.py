"""Every registered backbone learns with images and texts, alone and under DDP."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from gloo import WORLD_SIZE, run_in_two_processes
from mmengine.model import MMDistributedDataParallel
from test_models.catalogue import HIERARCHY, ON_HEATMAPS, SPATIAL, VARIANTS, names
from torch import Tensor
from toy_data import CLASSES, batch, branch_cfg, build
from training import GradientsKept, without_gradient

IMAGE = 6  # width of the cached image features
SMALL = dict(base_channels=16, num_stages=2, inflate_stages=(2,), down_stages=(2,))
HEADS = {'InfoGCN': 'InfoGCNHead'}
CACHED = dict(image_encoder=None, fam=dict(type='FAM', in_channels=IMAGE))
COVERED = [*((name, i) for name in VARIANTS for i in range(len(VARIANTS[name]))), ('PoseC3D', 0)]


def parts(name: str, variant: int) -> dict[str, Any]:
    """The parts of a recognizer that belong to a backbone."""
    if name == 'PoseC3D':
        shape = dict(base_channels=4, stage_blocks=(1,), temporal_strides=(1,), inflate=(1,))
        head = dict(type='HeatmapHead', num_classes=CLASSES, topk=(1,))
        return dict(backbone=dict(type=name, **shape), cls_head=head, input_key='imgs')
    graph = dict(HIERARCHY if name == 'HDGCN' else SPATIAL, layout='nturgb+d')
    backbone = dict(type=name, graph_cfg=graph, **SMALL, **VARIANTS[name][variant])
    head = dict(type=HEADS.get(name, 'GCNHead'), num_classes=CLASSES, topk=(1,))
    return dict(backbone=backbone, cls_head=head)


def model_of(name: str, variant: int) -> Any:
    branch = branch_cfg(**CACHED)
    return build(dict(type='MMCLRecognizer', co_learning=branch, **parts(name, variant)))


def data_of(name: str, rank: int = 0) -> dict[str, Any]:
    """Four samples; heat maps instead of skeletons where the backbone reads them."""
    data = batch(num=4, image=(IMAGE,))
    inputs = data['inputs']
    inputs['keypoint'] = [x + rank for x in inputs['keypoint']]
    if name == 'PoseC3D':
        generator = torch.Generator().manual_seed(rank)
        shape = (1, 17, 2, 16, 16)
        inputs['imgs'] = [torch.rand(shape, generator=generator) for _ in range(4)]
        del inputs['keypoint']
    return data


def covered() -> Iterator[str]:
    yield from sorted({name for name, _ in COVERED})


def test_every_registered_backbone_is_covered() -> None:
    print('co-learning and DDP tested with', *covered())
    assert list(covered()) == sorted([*names(), *ON_HEATMAPS])


@pytest.mark.parametrize(('name', 'variant'), COVERED)
def test_one_step_of_co_learning(name: str, variant: int) -> None:
    model = model_of(name, variant)
    before = [p.detach().clone() for p in model.backbone.parameters()]
    logged = model.train_step(data_of(name), GradientsKept(model))
    assert {'loss_cls', 'loss_align', 'loss_refine'} <= set(logged)
    assert ('loss_conditional' in logged) == (name == 'InfoGCN')
    assert ('loss_divergence' in logged) == (name == 'HyperGCN')
    assert logged['loss'].isfinite()
    assert without_gradient(model) == []
    after = list(model.backbone.parameters())
    assert any(not torch.equal(a, b) for a, b in zip(before, after, strict=True))


def worker(rank: int) -> dict[tuple[str, int], tuple[list[str], Tensor]]:
    """Two steps of each under DDP: a parameter without a gradient stops the second."""
    results = {}
    for name, variant in COVERED:
        model = MMDistributedDataParallel(model_of(name, variant), find_unused_parameters=False)
        optim_wrapper = GradientsKept(model)
        for _ in range(2):
            model.train_step(data_of(name, rank), optim_wrapper)
        weights = torch.cat([p.detach().flatten() for p in model.parameters()])
        results[name, variant] = without_gradient(model), weights
        del model
    return results


@pytest.fixture(scope='module')
def ranks(tmp_path_factory: pytest.TempPathFactory) -> list[dict]:
    return run_in_two_processes(worker, Path(tmp_path_factory.mktemp('ddp')))


@pytest.mark.parametrize(('name', 'variant'), COVERED)
def test_two_processes_stay_equal_without_unused_parameters(
    ranks: list[dict], name: str, variant: int
) -> None:
    assert len(ranks) == WORLD_SIZE
    (missing, weights), (other_missing, other_weights) = (r[name, variant] for r in ranks)
    assert missing == other_missing == []
    assert weights.isfinite().all()
    assert torch.equal(weights, other_weights)
