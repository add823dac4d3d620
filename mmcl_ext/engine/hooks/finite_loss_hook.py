from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from mmengine.dist import all_reduce
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor

from mmcl_ext.config.user_errors import UserError
from mmcl_ext.fileio.printable import name_list
from mmcl_ext.registry import HOOKS

_SHOWN = 8
_INTERVAL = 50


class _Step(NamedTuple):
    """A step whose loss nobody has looked at yet."""

    where: str
    names: str
    outputs: Mapping[str, Any]


@HOOKS.register_module()
class FiniteLossHook(Hook):
    """Keep a loss that is NaN or infinite, in any process, out of every checkpoint.

    The training then stops with the step, the terms of the loss and the names of the samples
    (``'stop'``), or leaves the step out, warns and goes on (``'skip'``).

    On a CPU, and to leave a step out, each loss is read before the optimiser is called. On a GPU
    that would make every step wait for the device: there the results stay on it, and are read
    together every ``interval`` steps (50 by default) and before a checkpoint, a validation and
    the end. The message is the same; the weights in memory may have become NaN, those on disk
    have not.
    """

    priority = 'VERY_HIGH'  # before anything is saved or logged

    def __init__(self, action: str = 'stop', interval: int | None = None) -> None:
        if action not in ('stop', 'skip'):
            raise ValueError(f"nonfinite_loss is 'stop' or 'skip', got {action!r}")
        if interval is not None and (interval < 1 or (action == 'skip' and interval > 1)):
            raise ValueError(f'interval is from 1, and 1 to skip steps, got {interval}')
        self.action, self.interval = action, 1 if action == 'skip' else interval
        self._flags: list[Tensor] = []
        self._steps: list[_Step] = []

    def before_train(self, runner: Runner) -> None:
        """Look at each loss before the optimiser does."""
        wrapper = runner.optim_wrapper
        update = wrapper.update_params

        def update_if_finite(loss: Tensor, *args: Any, **kwargs: Any) -> None:
            finite = torch.isfinite(loss.detach()).all().to(torch.float32)
            all_reduce(finite, 'min')
            self._flags.append(finite)
            if self.interval is None:
                self.interval = _INTERVAL if loss.is_cuda else 1
            if self.interval > 1 or finite:
                update(loss, *args, **kwargs)

        wrapper.update_params = update_if_finite

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Mapping[str, Any] | None = None,
    ) -> None:
        """Stop with a UserError, or warn, after a step whose loss was not finite."""
        where = f'epoch {runner.epoch + 1}, step {batch_idx + 1}'
        self._steps.append(_Step(where, _names(data_batch), outputs or {}))
        if len(self._steps) >= (self.interval or 1):
            self._look(runner)

    def _look(self, runner: Runner, **_: Any) -> None:
        """Read the results of the last steps at once, and report the first that is bad."""
        flags, steps = self._flags[: len(self._steps)], self._steps
        self._flags, self._steps = [], []
        finite = torch.stack(flags).tolist() if flags else []
        for is_finite, (where, names, outputs) in zip(finite, steps, strict=False):
            if is_finite:
                continue
            problem = f'{where}: {describe_terms(outputs)}; samples {names}'
            if self.action == 'stop':
                raise UserError(
                    f'{problem}. Lower the learning rate or look at these samples; '
                    'nonfinite_loss=skip leaves such steps out'
                )
            runner.logger.warning(f'{problem}. This step is left out')

    before_val = before_save_checkpoint = after_train = _look


def describe_terms(outputs: Mapping[str, Any]) -> str:
    """Say which terms of a loss are not finite."""
    losses = {key: torch.as_tensor(value) for key, value in outputs.items() if 'loss' in key}
    bad = {k: v.detach().item() for k, v in losses.items() if not torch.isfinite(v).all()}
    terms = {k: v for k, v in bad.items() if k != 'loss'} or bad
    if not terms:
        return 'the loss of another process is not finite'
    return ', '.join(f'{key} is {value}' for key, value in terms.items())


def _names(data_batch: Any) -> str:
    samples: Sequence[Any] = ()
    if isinstance(data_batch, Mapping):
        samples = data_batch.get('data_samples') or ()
    names = [str(getattr(sample, 'sample_name', '?')) for sample in samples]
    return name_list(names, _SHOWN) if names else 'without names'
