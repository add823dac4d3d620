import random

import numpy as np
import pytest
import torch

from mmcl_ext.engine import AugmentationSeedHook, RandomStateHook
from mmcl_ext.engine.hooks.random_state_hook import get_random_state, set_random_state

from .toy import toy_runner

EPOCHS = dict(type='ResumableTrainLoop', max_epochs=3, val_interval=1)
ITERATIONS = dict(type='IterBasedTrainLoop', max_iters=8, val_interval=3)
BY_EPOCH = dict(type='CheckpointHook', interval=1)
BY_ITER = dict(type='CheckpointHook', interval=2, by_epoch=False)


def train(work_dir, train_cfg, checkpoint, *, num_workers=0, hooks=None, **kwargs):
    hooks = [AugmentationSeedHook(), RandomStateHook()] if hooks is None else hooks
    runner = toy_runner(
        work_dir,
        train_cfg=dict(train_cfg),
        checkpoint=checkpoint,
        hooks=hooks,
        num_workers=num_workers,
        **kwargs,
    )
    model = runner.train()
    momentum = [s['momentum_buffer'] for s in runner.optim_wrapper.state_dict()['state'].values()]
    return [*model.state_dict().values(), *momentum]


def equal(first, second):
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize(
    ('train_cfg', 'checkpoint', 'resume_from'),
    [
        pytest.param(EPOCHS, BY_EPOCH, 'epoch_1.pth', id='between epochs'),
        pytest.param(EPOCHS, BY_ITER, 'iter_4.pth', id='inside an epoch'),
        pytest.param(EPOCHS, BY_ITER, 'iter_6.pth', id='after the last batch of an epoch'),
        pytest.param(ITERATIONS, BY_ITER, 'iter_4.pth', id='iteration-based loop'),
    ],
)
@pytest.mark.parametrize('num_workers', [0, pytest.param(1, marks=pytest.mark.slow)])
def test_resumed_run_equals_unbroken_one(tmp_path, train_cfg, checkpoint, resume_from, num_workers):
    unbroken = train(tmp_path / 'a', train_cfg, checkpoint, num_workers=num_workers)
    random.random(), np.random.rand(), torch.rand(3)  # a new process is somewhere else
    resumed = train(
        tmp_path / 'b',
        train_cfg,
        checkpoint,
        num_workers=num_workers,
        load_from=str(tmp_path / 'a' / resume_from),
        resume=True,
    )
    assert equal(unbroken, resumed)


def test_without_the_hook_a_resumed_run_differs(tmp_path):
    hooks = [AugmentationSeedHook()]
    unbroken = train(tmp_path / 'a', EPOCHS, BY_EPOCH, hooks=hooks)
    resumed = train(
        tmp_path / 'b',
        EPOCHS,
        BY_EPOCH,
        hooks=hooks,
        load_from=str(tmp_path / 'a/epoch_1.pth'),
        resume=True,
    )
    assert not equal(unbroken, resumed)


def test_validation_does_not_move_the_generators_of_training(tmp_path):
    validated = train(tmp_path / 'a', EPOCHS, BY_EPOCH)
    plain = train(tmp_path / 'b', EPOCHS, BY_EPOCH, validate=False)
    assert equal(validated, plain)


def test_loading_without_resume_ignores_the_checkpoints_generators(tmp_path):
    train(tmp_path / 'a', EPOCHS, BY_EPOCH)
    hook = RandomStateHook()
    train(tmp_path / 'b', EPOCHS, BY_EPOCH, hooks=[hook], load_from=str(tmp_path / 'a/epoch_1.pth'))
    saved = torch.load(tmp_path / 'a/epoch_3.pth', weights_only=False)['random_state']
    loaded = torch.load(tmp_path / 'b/epoch_3.pth', weights_only=False)['random_state']
    # both runs draw the same number of dropout masks from the same seed
    assert torch.equal(saved['ranks'][0]['torch'], loaded['ranks'][0]['torch'])


def test_checkpoint_of_another_number_of_processes_is_said_to_differ(tmp_path, caplog):
    train(tmp_path / 'a', EPOCHS, BY_EPOCH)
    path = tmp_path / 'a/epoch_1.pth'
    checkpoint = torch.load(path, weights_only=False)
    checkpoint['random_state']['ranks'] *= 2
    torch.save(checkpoint, path)
    train(tmp_path / 'b', EPOCHS, BY_EPOCH, load_from=str(path), resume=True)
    log = next((tmp_path / 'b').glob('*/*.log')).read_text()
    assert 'will differ from that of an unbroken run: it ran on 2 processes, not 1' in log


def test_random_state_round_trip():
    torch.manual_seed(3), np.random.seed(3), random.seed(3)
    np.random.randn(), random.gauss(0, 1)  # leaves half a pair of normal numbers behind
    state = get_random_state()
    first = (random.gauss(0, 1), np.random.randn(), torch.randn(2).tolist())
    set_random_state(state)
    assert (random.gauss(0, 1), np.random.randn(), torch.randn(2).tolist()) == first


def test_random_state_survives_a_weights_only_checkpoint(tmp_path):
    state = get_random_state()
    torch.save(state, tmp_path / 'state.pth')
    loaded = torch.load(tmp_path / 'state.pth', weights_only=True)
    first = torch.rand(3), np.random.rand(3), random.random()
    set_random_state(loaded)
    second = torch.rand(3), np.random.rand(3), random.random()
    assert torch.equal(first[0], second[0])
    assert np.array_equal(first[1], second[1])
    assert first[2] == second[2]
