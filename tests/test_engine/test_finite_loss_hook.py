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


def runner(folder, checkpoint=False, dataset=None, **options):
    saving = dict(type='CheckpointHook', interval=1, by_epoch=False)
    made = toy_runner(
        folder,
        train_cfg=dict(by_epoch=True, max_epochs=1),
        hooks=[FiniteLossHook(**options)],
        checkpoint=saving if checkpoint else None,
        validate=False,
        dataset=dataset or Poisoned(),
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


@pytest.mark.parametrize('interval', [2, 3, 100])
def test_readings_that_are_deferred_name_the_first_bad_step(tmp_path, interval):
    """As on a GPU: the weights in memory are lost, no file has them."""
    made = runner(tmp_path, interval=interval, checkpoint=True)
    with pytest.raises(UserError, match=r'epoch 1, step 2: loss is nan; samples .*clip4'):
        made.train()
    assert not all(p.isfinite().all() for p in made.model.parameters())
    saved = [torch.load(path, weights_only=False) for path in tmp_path.glob('*.pth')]
    assert len(saved) == 1  # of the first step
    assert all(w.isfinite().all() for w in saved[0]['state_dict'].values())


def test_deferred_readings_leave_a_sound_training_as_it_is(tmp_path):
    states = []
    for interval in (1, 2, 100):
        made = runner(tmp_path / str(interval), interval=interval, dataset=ToyDataset())
        made.train()
        states.append(made.model.state_dict())
    assert all(torch.equal(states[0][k], other[k]) for other in states[1:] for k in other)


class Loss(torch.Tensor):
    """A loss on a device that has to be waited for when it is read."""

    reads = 0
    is_cuda = True

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        if function in (torch.Tensor.__bool__, torch.Tensor.item, torch.Tensor.tolist):
            cls.reads += 1
        return super().__torch_function__(function, types, args, kwargs or {})


@pytest.mark.parametrize(('action', 'reads'), [('stop', 2), ('skip', 200)])
def test_a_device_is_read_every_fiftieth_step(action, reads, monkeypatch):
    monkeypatch.setattr(Loss, 'reads', 0)
    updates = []
    wrapper = SimpleNamespace(update_params=updates.append)
    made = SimpleNamespace(optim_wrapper=wrapper, epoch=0, logger=None)
    hook = FiniteLossHook(action)
    hook.before_train(made)
    for step in range(100):
        loss = torch.tensor(1.0).as_subclass(Loss)
        wrapper.update_params(loss)
        hook.after_train_iter(made, step, {}, dict(loss=loss))
    assert len(updates) == 100
    assert Loss.reads == reads


def test_terms():
    values = dict(loss_cls=1.0, loss_contrast=float('inf'), loss=float('inf'), top1_acc=0.0)
    assert describe_terms(values) == 'loss_contrast is inf'
    assert describe_terms(dict(loss=float('nan'))) == 'loss is nan'
    assert describe_terms(dict(loss=1.0)) == 'the loss of another process is not finite'


def test_unknown_action():
    with pytest.raises(ValueError, match="'stop' or 'skip', got 'go'"):
        FiniteLossHook('go')
    with pytest.raises(ValueError, match='interval is from 1, and 1 to skip steps, got 5'):
        FiniteLossHook('skip', interval=5)
