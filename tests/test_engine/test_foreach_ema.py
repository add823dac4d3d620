"""The average of all parameters at once is MMEngine's, parameter by parameter."""

import copy

import pytest
import torch
from mmengine.model import ExponentialMovingAverage
from torch import nn

from mmcl_ext.engine import ForeachEMA

from .toy import toy_runner


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2).double())


def change(model):
    with torch.no_grad():
        for value in model.state_dict().values():
            value.add_(torch.randn(value.shape) if value.is_floating_point() else 1)


def same(first, second):
    a, b = first.state_dict(), second.state_dict()
    assert list(a) == list(b)
    for key, value in a.items():
        torch.testing.assert_close(value, b[key], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize('update_buffers', [True, False])
@pytest.mark.parametrize('interval', [1, 2])
def test_averages_equal_the_plain_ones(update_buffers, interval):
    model, settings = network(), dict(interval=interval, update_buffers=update_buffers)
    plain = ExponentialMovingAverage(model, 0.1, **settings)
    fast = ForeachEMA(model, 0.1, **settings)
    start = copy.deepcopy(model.state_dict())
    for step in range(6):
        change(model)
        plain.update_parameters(model)
        fast.update_parameters(model)
        same(plain, fast)
        if step == 3:  # resumed
            fast = ForeachEMA(network(), 0.1, **settings)
            fast.load_state_dict(plain.state_dict())
    weight = fast.module[0].weight
    assert not torch.equal(weight, model[0].weight)
    assert not torch.equal(weight, start['0.weight'])
    assert not any(p.requires_grad for p in fast.parameters())
    assert all(p.requires_grad for p in model.parameters())


def test_the_hook_of_mmengine_takes_it(tmp_path):
    """A whole run, with a checkpoint and a validation on the averaged weights."""
    states = []
    for kind in ('ExponentialMovingAverage', 'ForeachEMA'):
        made = toy_runner(
            tmp_path / kind,
            train_cfg=dict(by_epoch=True, max_epochs=2),
            hooks=[dict(type='EMAHook', ema_type=kind, momentum=0.1)],
            checkpoint=dict(type='CheckpointHook', interval=1),
        )
        made.train()
        states.append(torch.load(tmp_path / kind / 'epoch_2.pth', weights_only=False))
    for key in ('state_dict', 'ema_state_dict'):
        assert list(states[0][key]) == list(states[1][key])
        for name, value in states[0][key].items():
            torch.testing.assert_close(value, states[1][key][name], rtol=1e-5, atol=1e-6)
    averaged, last = (states[1][key] for key in ('state_dict', 'ema_state_dict'))
    name = 'layers.0.weight'
    assert not torch.equal(averaged[name], last[f'module.{name}'])
