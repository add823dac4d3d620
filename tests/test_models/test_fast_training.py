"""A fast training step equals the plain one: features, gradients, running statistics."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from gloo import run_in_two_processes
from torch import Tensor, nn

from mmcl_ext.models.layers.fast_training import speed_up
from mmcl_ext.registry import MODELS
from test_models.catalogue import SMALL, VARIANTS, coco, names
from test_models.helpers import fill, wave

PRESENT = {
    'nobody is missing': [[1, 1]] * 5,
    'the second is missing': [[1, 0]] * 5,
    'mixed': [[1, 0], [1, 1], [0, 0], [1, 0], [0, 1]],
    'nobody': [[0, 0]] * 5,
}


def cases() -> Iterator[tuple[str, dict]]:
    for name in names():
        for variant in VARIANTS[name]:
            yield name, variant


def build(name: str, variant: dict, **kwargs: Any) -> nn.Module:
    cfg = dict(type=name, graph_cfg=coco(name), **SMALL, **variant, **kwargs)
    return fill(MODELS.build(cfg)).train()


def clips(present: list[list[int]], frames: int = 11) -> Tensor:
    return wave(len(present), 2, frames, 17, 3) * torch.tensor(present)[..., None, None, None]


def step(backbone: nn.Module, x: Tensor) -> dict[str, Tensor]:
    """Everything that a training step computes."""
    feature = backbone(x)
    (feature * wave(*feature.shape, phase=0.3).to(feature)).sum().backward()
    found = {f'{name}.grad': p.grad for name, p in backbone.named_parameters()}
    found |= {name: buffer.clone() for name, buffer in backbone.named_buffers()}
    return found | {'feature': feature.detach()}


def assert_same(ours: dict[str, Tensor], plain: dict[str, Tensor], tolerance: float) -> None:
    assert ours.keys() == plain.keys()
    largest = max(float(v.abs().max()) for k, v in plain.items() if k.endswith('.grad'))
    for key, expected in plain.items():
        # a gradient that is nothing but rounding is compared with the largest one
        scale = largest if key.endswith('.grad') else float(expected.double().abs().max())
        error = float((ours[key] - expected).double().abs().max()) / max(scale, 1e-30)
        assert error < tolerance, (key, error)


@pytest.mark.parametrize(('name', 'variant'), list(cases()))
@pytest.mark.parametrize('present', PRESENT)
def test_same_step(name: str, variant: dict, present: str) -> None:
    x = clips(PRESENT[present])
    fast, plain = build(name, variant), build(name, variant, fast_training=False)
    assert_same(step(fast, x), step(plain, x), 1e-9)


def count_rows(backbone: nn.Module) -> list[int]:
    """Count the persons that are encoded from now on."""
    rows, encode = [], backbone.encode

    def counted(x: Tensor) -> Tensor:
        rows.append(len(x))
        return encode(x)

    backbone.encode = counted
    return rows


def test_empty_persons_are_encoded_once_a_slot() -> None:
    backbone = build('CTRGCN', {})
    rows = count_rows(backbone)
    for present in PRESENT.values():
        backbone(clips(present))
    assert rows == [10, 6, 5 + 2, 2]


@pytest.mark.parametrize('reason', ['dropout', 'unknown norm', 'gradient of the input', 'flag'])
def test_what_cannot_be_merged(reason: str) -> None:
    variant = dict(tcn_dropout=0.1) if reason == 'dropout' else {}
    backbone = build('STGCN', {}, fast_training=reason != 'flag', **variant)
    if reason == 'unknown norm':
        backbone.extra = nn.BatchNorm3d(1)
    rows = count_rows(backbone)
    backbone(clips(PRESENT['mixed']).requires_grad_(reason == 'gradient of the input'))
    assert rows == [10]


def test_frozen_norms_and_cumulative_averages() -> None:
    x = clips(PRESENT['mixed'])
    found = []
    for fast in (True, False):
        backbone = build('CTRGCN', {}, fast_training=fast)
        backbone.blocks[1].eval()
        for norm in backbone.blocks[2].modules():
            if isinstance(norm, nn.BatchNorm2d):
                norm.momentum = None
        backbone(2 * x)
        found.append(step(backbone, x))
    assert_same(*found, 1e-9)


@pytest.mark.parametrize('name', names())
def test_bfloat16_is_no_coarser(name: str) -> None:
    x = clips(PRESENT['mixed'])
    exact = step(build(name, {}, fast_training=False), x)
    scale = float(exact['feature'].abs().max())
    errors = []
    for fast in (True, False):
        backbone = build(name, {}, fast_training=fast).float()
        with torch.autocast('cpu', dtype=torch.bfloat16):
            feature = backbone(x.float())
        feature.float().square().mean().backward()
        assert all(p.grad.isfinite().all() for p in backbone.parameters())
        errors.append(float((feature.double() - exact['feature']).abs().mean()) / scale)
    assert errors[0] < 1.5 * errors[1] < 0.3


def test_evaluation_and_weights_are_those_of_the_plain_layers() -> None:
    x = clips(PRESENT['mixed'])
    fast, plain = build('CTRGCN', {}), build('CTRGCN', {}, fast_training=False)
    fast(x)
    assert fast.state_dict().keys() == plain.state_dict().keys()
    fast.load_state_dict(plain.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(fast.eval()(x), plain.eval()(x), rtol=0, atol=0)


CLIPS = PRESENT['mixed'] + [[1, 1], [1, 0], [1, 1]]


def synchronised_step(rank: int) -> dict[str, Tensor]:
    """One process's part of a step with synchronised statistics; the second has no empty slot."""
    backbone = nn.SyncBatchNorm.convert_sync_batchnorm(build('CTRGCN', {}))
    rows = [CLIPS.index([0, 0]), 0, 4] if rank == 0 else [1, 5]
    x = clips(CLIPS)[rows]
    feature = backbone(x)
    (feature * wave(8, *feature.shape[1:], phase=0.3)[rows]).sum().backward()
    found = {f'{name}.grad': p.grad for name, p in backbone.named_parameters()}
    return found | dict(backbone.named_buffers())


def test_synchronised_statistics(tmp_path: Any) -> None:
    first, second = run_in_two_processes(synchronised_step, tmp_path)
    plain = build('CTRGCN', {}, fast_training=False)
    rows = [2, 0, 4, 1, 5]
    feature = plain(clips(CLIPS)[rows])
    (feature * wave(8, *feature.shape[1:], phase=0.3)[rows]).sum().backward()
    expected = {f'{name}.grad': p.grad for name, p in plain.named_parameters()}
    both = {key: first[key] + second[key] for key in expected}
    buffers = dict(plain.named_buffers())
    assert_same(both | {k: first[k] for k in buffers}, expected | buffers, 1e-9)


def test_only_layers_of_size_one_become_products() -> None:
    layers = [nn.Conv2d(4, 4, (1, 3)), nn.Conv2d(4, 4, 1, groups=2), nn.Conv2d(4, 4, 1, padding=1)]
    layers += [nn.MaxPool2d(3), nn.MaxPool2d((1, 3), padding=(0, 1))]
    before = [type(layer) for layer in layers]
    speed_up(nn.ModuleList(layers))
    assert [type(layer) for layer in layers] == before
