import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from mmengine.dist import all_gather_object, get_rank, get_world_size
from mmengine.hooks import CheckpointHook, Hook
from mmengine.runner import Runner

from mmcl_ext.engine.loops.resumable_train_loop import ResumableTrainLoop
from mmcl_ext.fileio.printable import counted
from mmcl_ext.parallel.collectives import unwrap_model
from mmcl_ext.registry import HOOKS

RandomState = dict[str, Any]


@HOOKS.register_module()
class RandomStateHook(Hook):
    """Save the generators of every rank with each checkpoint and restore them.

    MMEngine seeds again on resume, so dropout would start over. The state that counts is the one
    between two training steps: whatever draws in between, such as validation or the start of
    loader workers, must not matter, because an interrupted run does it at other times. The state
    after the last step is therefore put back before the next one.

    A checkpoint taken inside an epoch also records how many batches are done, which
    :class:`~mmcl_ext.engine.ResumableTrainLoop` skips, and the buffers of every rank: batch-norm
    statistics differ between ranks until the epoch ends.
    """

    priority = 'LOW'  # after the hooks that may draw, before CheckpointHook

    def __init__(self) -> None:
        self._state: RandomState = {}
        self._restore = True
        self._collected: dict[str, Any] = {}
        self._loaded: Mapping[str, Any] | None = None

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Keep what the checkpoint says about generators."""
        self._loaded = checkpoint.get('random_state')

    def before_train(self, runner: Runner) -> None:
        """Start from the checkpoint's generators if this run is a resumed one."""
        self._state = get_random_state()
        self._restore = True
        if runner.iter > 0:
            self._resume(runner)
        self._loaded = None

    def before_train_iter(self, runner: Runner, *args: Any, **kwargs: Any) -> None:
        """Put the generators back to where the last training step left them."""
        if self._restore:
            set_random_state(self._state)
            self._restore = False

    def after_train_iter(self, runner: Runner, batch_idx: int, *args: Any, **kwargs: Any) -> None:
        """Gather the generators of all ranks if a checkpoint is due in this step."""
        if any(_saves_after_iter(hook, runner) for hook in runner.hooks):
            self._collect(runner, batch_idx + 1)

    def after_train_epoch(self, runner: Runner) -> None:
        """Gather the generators of all ranks for the checkpoint of the epoch."""
        self._collect(runner, 0)
        self._restore = True

    def before_val(self, runner: Runner) -> None:
        """Keep validation from moving the generators of training."""
        if not self._restore:
            self._state = get_random_state()
            self._restore = True

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Write the gathered generators; only the main process gets here."""
        checkpoint['random_state'] = self._collected

    def _collect(self, runner: Runner, batches: int) -> None:
        if not self._restore:
            self._state = get_random_state()
        own, model = dict(self._state), unwrap_model(runner.model)
        if batches and get_world_size() > 1:
            own['buffers'] = {name: b.detach().cpu() for name, b in model.named_buffers()}
        self._collected = dict(
            ranks=all_gather_object(own),
            batches=batches,
            epoch_length=len(runner.train_dataloader),
        )

    def _resume(self, runner: Runner) -> None:
        loaded = self._loaded
        if not loaded:
            self._warn(runner, 'the checkpoint holds no generator states')
            return
        world_size, epoch_length = get_world_size(), len(runner.train_dataloader)
        if len(loaded['ranks']) != world_size:
            self._warn(
                runner,
                f'it ran on {counted(len(loaded["ranks"]), "process", "processes")}, not '
                f'{world_size}',
            )
            return
        if loaded['epoch_length'] != epoch_length:
            self._warn(
                runner,
                f'an epoch had {counted(loaded["epoch_length"], "step")}, not {epoch_length}',
            )
            return
        self._state = loaded['ranks'][get_rank()]
        saved = self._state.pop('buffers', {})
        for name, buffer in unwrap_model(runner.model).named_buffers() if saved else ():
            buffer.copy_(saved[name])
        if isinstance(runner.train_loop, ResumableTrainLoop):
            runner.train_loop.start_batch = loaded['batches']

    def _warn(self, runner: Runner, reason: str) -> None:
        runner.logger.warning(f'The result will differ from that of an unbroken run: {reason}.')


def _saves_after_iter(hook: Hook, runner: Runner) -> bool:
    """Tell whether ``hook`` will write a checkpoint after this training step."""
    if not isinstance(hook, CheckpointHook) or hook.by_epoch:
        return False
    due = hook.every_n_train_iters(runner, hook.interval, hook.save_begin)
    return due or (hook.save_last and hook.is_last_train_iter(runner))


def get_random_state() -> RandomState:
    """Take the global generators' state, in containers and tensors that load without pickle."""
    legacy = np.random.get_state(legacy=False)
    assert isinstance(legacy, dict)
    return dict(
        python=random.getstate(),
        numpy=dict(
            key=torch.from_numpy(legacy['state']['key'].astype(np.int64)),
            pos=int(legacy['state']['pos']),
            has_gauss=int(legacy['has_gauss']),
            gauss=float(legacy['gauss']),
        ),
        torch=torch.get_rng_state(),
        cuda=torch.cuda.get_rng_state() if torch.cuda.is_available() else None,
    )


def set_random_state(state: Mapping[str, Any]) -> None:
    """Put the generators back into a state of :func:`get_random_state`, from any device."""
    version, internal, gauss = state['python']
    random.setstate((version, tuple(internal), gauss))
    key = state['numpy']['key'].cpu().numpy().astype(np.uint32)
    position = {k: state['numpy'][k] for k in ('pos', 'has_gauss', 'gauss')}
    np.random.set_state(('MT19937', key, *position.values()))
    torch.set_rng_state(state['torch'].cpu())
    if state['cuda'] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(state['cuda'].cpu())
