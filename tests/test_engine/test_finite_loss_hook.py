"""A loss that is NaN or infinite reaches no weight."""

import copy
from types import SimpleNamespace

import pytest
import torch

from mmcl_ext.config.user_errors import UserError
from mmcl_ext.engine.hooks.finite_loss_hook import FiniteLossHook, describe_terms

from .toy import ToyDataset, toy_runner


class Poisoned(ToyDataset):
    """The fifth sample is NaN."""

    def __getitem__(self, index):
        item = super().__getitem__(index)
        item['data_samples'] = SimpleNamespace(sample_name=f'clip{index}')
        if index == 4:
            item['inputs'] = item['inputs'] * float('nan')
        return item


def runner(folder, **options):
    made = toy_runner(
        folder,
        train_cfg=dict(by_epoch=True, max_epochs=1),
        hooks=[FiniteLossHook(**options)],
        checkpoint=None,
        validate=False,
        dataset=Poisoned(),
    )
    forward = made.model.forward
    made.model.forward = lambda inputs, data_samples=None, mode='tensor': forward(inputs, mode)
    return made


def test_stops_with_step_term_and_names(tmp_path):
    made = runner(tmp_path)
    with pytest.raises(UserError, match=r'epoch 1, step \d: loss is nan; samples .*clip4'):
        made.train()
    weights = [value for key, value in made.model.named_parameters()]
    assert all(torch.isfinite(value).all() for value in weights)


def test_skips(tmp_path):
    made = runner(tmp_path, action='skip')
    before = copy.deepcopy(dict(made.model.named_parameters()))
    made.train()
    after = dict(made.model.named_parameters())
    assert made.iter == 3
    assert all(torch.isfinite(value).all() for value in after.values())
    assert any(not torch.equal(before[key], after[key]) for key in after)


def test_terms():
    values = dict(loss_cls=1.0, loss_contrast=float('inf'), loss=float('inf'), top1_acc=0.0)
    assert describe_terms(values) == 'loss_contrast is inf'
    assert describe_terms(dict(loss=float('nan'))) == 'loss is nan'
    assert describe_terms(dict(loss=1.0)) == 'the loss of another process is not finite'


def test_unknown_action():
    with pytest.raises(ValueError, match="'stop' or 'skip', got 'go'"):
        FiniteLossHook('go')
