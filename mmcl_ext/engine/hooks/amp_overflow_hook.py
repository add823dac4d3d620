"""Count the steps that mixed precision leaves out."""

from collections.abc import Mapping
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor

from mmcl_ext.registry import HOOKS


@HOOKS.register_module()
class AmpOverflowHook(Hook):
    """Log ``amp_skipped``, the optimiser steps left out so far because a gradient overflowed.

    The gradient scaler of ``AmpOptimWrapper`` leaves such steps out and says nothing. A few at
    the beginning are usual; where the number keeps growing, the training has become unstable.
    The count stays on the device and is read when the log is written.

    Args:
        interval: Steps between two values; that of the log.
    """

    def __init__(self, interval: int = 50) -> None:
        self.interval = interval
        self._skipped: Tensor | None = None

    def before_train(self, runner: Runner) -> None:
        """Look at what the scaler has found before it forgets it."""
        scaler = getattr(runner.optim_wrapper, 'loss_scaler', None)
        if scaler is None or not scaler.is_enabled():
            return
        update, optimizer = scaler.update, runner.optim_wrapper.optimizer

        def count_and_update(*args: Any, **kwargs: Any) -> None:
            # what unscale_ or step has found, a tensor for each device; no public name gives it
            found = [flag.detach() for flag in scaler._found_inf_per_device(optimizer).values()]
            if found:
                overflow = torch.stack([flag.to(found[0].device) for flag in found]).amax()
                self._skipped = (overflow > 0) + (0 if self._skipped is None else self._skipped)
            update(*args, **kwargs)

        scaler.update = count_and_update

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Mapping[str, Any] | None = None,
    ) -> None:
        """Hand the count to the log."""
        if self._skipped is not None and self.every_n_inner_iters(batch_idx, self.interval):
            runner.message_hub.update_scalar('train/amp_skipped', int(self._skipped))
