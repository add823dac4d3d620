"""Steps that the gradient scaler leaves out are counted."""

from types import SimpleNamespace

import pytest
import torch
from mmengine.optim import OptimWrapper

from mmcl_ext.engine.hooks.amp_overflow_hook import AmpOverflowHook

from .toy import ToyDataset, toy_runner


class Scaled(OptimWrapper):
    """What ``AmpOptimWrapper`` does, which asks for a GPU when it is built."""

    def __init__(self, optimizer):
        super().__init__(optimizer)
        self.loss_scaler = torch.amp.GradScaler('cpu', init_scale=8.0)

    def backward(self, loss, **kwargs):
        self.loss_scaler.scale(loss).backward()

    def step(self, **kwargs):
        self.loss_scaler.step(self.optimizer)
        self.loss_scaler.update()


class Overflowing(ToyDataset):
    def __getitem__(self, index):
        item = super().__getitem__(index)
        if index == 4:
            item['inputs'] = item['inputs'] * float('inf')
        return item


@pytest.mark.parametrize(('dataset', 'skipped'), [(Overflowing(), 2), (ToyDataset(), 0)])
def test_skipped_steps_are_logged(tmp_path, dataset, skipped):
    made = toy_runner(
        tmp_path,
        train_cfg=dict(by_epoch=True, max_epochs=2),
        hooks=[AmpOverflowHook(interval=1), dict(type='LoggerHook', interval=1)],
        checkpoint=None,
        validate=False,
        dataset=dataset,
    )
    made.optim_wrapper = Scaled(torch.optim.SGD(made.model.parameters(), lr=0.1))
    before = [p.detach().clone() for p in made.model.parameters()]
    made.train()
    counts = made.message_hub.get_scalar('train/amp_skipped')
    assert counts.current() == skipped
    log = next(tmp_path.glob('*/vis_data/scalars.json')).read_text()
    assert f'"amp_skipped": {skipped}' in log
    assert any(not torch.equal(a, b) for a, b in zip(before, made.model.parameters(), strict=True))


def test_without_a_scaler_nothing_is_logged():
    hook = AmpOverflowHook()
    made = SimpleNamespace(optim_wrapper=SimpleNamespace())
    hook.before_train(made)
    hook.after_train_iter(made, 49)
