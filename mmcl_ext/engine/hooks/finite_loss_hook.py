"""Stop a training whose loss is no number any more."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.dist import all_reduce
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor

from mmcl_ext.config.user_errors import UserError
from mmcl_ext.registry import HOOKS

_SHOWN = 8


@HOOKS.register_module()
class FiniteLossHook(Hook):
    """Make no optimiser step where the loss is NaN or infinite, in any process.

    The training then stops with the step, the terms of the loss and the names of the samples,
    or, if so told, warns of them and goes on.

    Args:
        action: ``'stop'`` or ``'skip'``.

    Raises:
        ValueError: The action is another one.
    """

    priority = 'VERY_HIGH'  # before anything is saved or logged

    def __init__(self, action: str = 'stop') -> None:
        if action not in ('stop', 'skip'):
            raise ValueError(f"nonfinite_loss is 'stop' or 'skip', got {action!r}")
        self.action = action
        self._finite = True

    def before_train(self, runner: Runner) -> None:
        """Look at each loss before the optimiser does."""
        wrapper = runner.optim_wrapper
        update = wrapper.update_params

        def update_if_finite(loss: Tensor, *args: Any, **kwargs: Any) -> None:
            finite = torch.isfinite(loss.detach()).all().to(torch.float32)
            all_reduce(finite, 'min')
            self._finite = bool(finite)
            if self._finite:
                update(loss, *args, **kwargs)

        wrapper.update_params = update_if_finite

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Mapping[str, Any] | None = None,
    ) -> None:
        """Stop or warn after a step that was not made.

        Raises:
            UserError: The loss was not finite.
        """
        if self._finite:
            return
        self._finite = True
        where = f'epoch {runner.epoch + 1}, step {batch_idx + 1}'
        problem = f'{where}: {describe_terms(outputs or {})}; samples {_names(data_batch)}'
        if self.action == 'stop':
            raise UserError(
                f'{problem}. Lower the learning rate or look at these samples; '
                'nonfinite_loss=skip leaves such steps out'
            )
        runner.logger.warning(f'{problem}. This step is left out')


def describe_terms(outputs: Mapping[str, Any]) -> str:
    """Say which terms of a loss are not finite."""
    losses = {key: torch.as_tensor(value) for key, value in outputs.items() if 'loss' in key}
    bad = {k: v.detach().item() for k, v in losses.items() if not torch.isfinite(v).all()}
    terms = {k: v for k, v in bad.items() if k != 'loss'} or bad
    if not terms:
        return 'the loss of another process is not finite'
    return ', '.join(f'{key} is {value}' for key, value in terms.items())


def _names(data_batch: Any) -> str:
    """Name the samples of a batch, as far as it names them."""
    samples: Sequence[Any] = ()
    if isinstance(data_batch, Mapping):
        samples = data_batch.get('data_samples') or ()
    names = [str(getattr(sample, 'sample_name', '?')) for sample in samples]
    more = f' and {len(names) - _SHOWN} more' if len(names) > _SHOWN else ''
    return ', '.join(names[:_SHOWN]) + more if names else 'without names'
