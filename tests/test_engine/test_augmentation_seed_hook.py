from types import SimpleNamespace

import torch

from mmcl_ext.datasets.nested_datasets import iterate_datasets
from mmcl_ext.engine import AugmentationSeedHook

from .toy import ToyDataset, toy_runner

SEED = 5


class Recorder(ToyDataset):
    def __init__(self, length=12):
        super().__init__(length)
        self.calls = []

    def set_epoch(self, epoch, seed):
        super().set_epoch(epoch, seed)
        self.calls.append((epoch, seed))


def run(tmp_path, train_cfg, sampler='DefaultSampler'):
    runner = toy_runner(
        tmp_path,
        train_cfg=train_cfg,
        checkpoint=None,
        hooks=[AugmentationSeedHook()],
        validate=False,
        dataset=Recorder(),
        sampler=sampler,
    )
    runner.train()
    return runner.train_dataloader.dataset.calls


def test_each_epoch_is_announced(tmp_path):
    calls = run(tmp_path, dict(type='EpochBasedTrainLoop', max_epochs=3))
    assert calls == [(0, SEED), (1, SEED), (2, SEED)]


def test_an_iteration_based_loop_announces_each_pass_over_the_data(tmp_path):
    calls = run(tmp_path, dict(type='IterBasedTrainLoop', max_iters=7))  # 3 iterations a pass
    assert sorted(set(calls)) == [(0, SEED), (1, SEED), (2, SEED)]
    assert calls == sorted(calls)


def test_an_endless_sampler_is_warned_about(tmp_path):
    calls = run(tmp_path, dict(type='IterBasedTrainLoop', max_iters=7), sampler='InfiniteSampler')
    assert set(calls) == {(0, SEED)}
    log = next(tmp_path.glob('*/*.log')).read_text()
    assert 'InfiniteSampler never ends a pass' in log


def test_workers_see_the_epoch(tmp_path):
    seen = []

    class Watch(AugmentationSeedHook):
        def before_train_iter(self, runner, batch_idx, data_batch=None):
            seen.append(torch.stack(data_batch['inputs']))

    runner = toy_runner(
        tmp_path,
        train_cfg=dict(type='EpochBasedTrainLoop', max_epochs=2),
        checkpoint=None,
        hooks=[Watch()],
        validate=False,
        num_workers=1,
    )
    runner.train()
    first, second = torch.cat(seen[:3]), torch.cat(seen[3:])
    assert not set(map(tuple, first.tolist())) & set(map(tuple, second.tolist()))


def test_datasets_are_found_inside_wrappers():
    first, second = SimpleNamespace(), SimpleNamespace()
    repeated = SimpleNamespace(dataset=first)
    concatenated = SimpleNamespace(datasets=[repeated, second])
    assert list(iterate_datasets(concatenated)) == [concatenated, repeated, first, second]
