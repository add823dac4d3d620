from pathlib import Path
from typing import Any

import pytest
import torch
from gloo import WORLD_SIZE, run_in_two_processes
from mmengine.model import MMDistributedDataParallel
from torch import Tensor, nn
from toy_data import batch, build, mmcl_cfg

VARIANTS = {
    'all': {},
    'alignment': dict(frm=None),
    'refinement': dict(image_encoder=None, fam=None),
    'cached': dict(image_encoder=None, fam=dict(type='FAM', in_channels=10)),
}


def model_of(variant: str, negatives: str) -> Any:
    """The toy model with batch norm in eval mode and without dropout, in float64."""
    contrastive = dict(type='ContrastiveLoss', negatives=negatives, gather=True)
    loss = dict(type='MMCLLoss', contrastive=contrastive)
    cfg = mmcl_cfg(loss=loss, **VARIANTS[variant])
    cfg['cls_head']['dropout'] = 0.0
    model = build(cfg).double()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d):
            module.eval()
    return model


def step(model: nn.Module, variant: str, rows: slice) -> dict[str, Tensor]:
    plain = getattr(model, 'module', model)
    image = (10,) if variant == 'cached' else (3, 32, 32)
    data = plain.data_preprocessor(batch(num=4 * WORLD_SIZE, image=image), True)
    inputs = {key: value[rows].double() for key, value in data['inputs'].items()}
    terms = model(inputs, data['data_samples'][rows], mode='loss')
    loss, _ = plain.parse_losses(terms)
    loss.backward()
    return {'loss': loss.detach(), **{name: p.grad for name, p in plain.named_parameters()}}


def worker(rank: int) -> dict:
    rows = slice(4 * rank, 4 * rank + 4)
    results = {}
    for variant in VARIANTS:
        for negatives in ('paper', 'grace'):
            # DDP refuses a second step when a parameter got no gradient in the first.
            model = MMDistributedDataParallel(model_of(variant, negatives))
            step(model, variant, rows)
            model.zero_grad()
            results[variant, negatives] = step(model, variant, rows)
            del model
    return results


@pytest.fixture(scope='module')
def ranks(tmp_path_factory: pytest.TempPathFactory) -> list[dict]:
    return run_in_two_processes(worker, Path(tmp_path_factory.mktemp('ddp')))


@pytest.mark.parametrize('negatives', ['paper', 'grace'])
@pytest.mark.parametrize('variant', VARIANTS)
def test_two_processes_train_as_one(ranks: list[dict], variant: str, negatives: str) -> None:
    expected = step(model_of(variant, negatives), variant, slice(None))
    actual = [rank[variant, negatives] for rank in ranks]
    mean_loss = torch.stack([result.pop('loss') for result in actual]).mean()
    torch.testing.assert_close(mean_loss, expected.pop('loss'), rtol=1e-9, atol=1e-9)
    for result in actual:
        torch.testing.assert_close(result, expected, rtol=1e-6, atol=1e-9)
