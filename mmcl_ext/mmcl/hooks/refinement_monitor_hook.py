import math
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor

from mmcl_ext.parallel.collectives import unwrap_model
from mmcl_ext.registry import HOOKS


def entry_entropies(weights: Tensor) -> tuple[Tensor, Tensor]:
    """Mean entropy of entry weights (N, n), and entropy of their mean, as shares of log n.

    The second less the first is what the choice of an entry tells about the sample.
    """
    scale = 1 / math.log(max(weights.shape[1], 2))
    each = torch.special.entr(weights).sum(dim=1).mean()
    return scale * each, scale * torch.special.entr(weights.mean(dim=0)).sum()


@HOOKS.register_module()
class RefinementMonitorHook(Hook):
    """Log how the text chooses among the entries of the refinement module (FRM).

    Beside the mean weight of each entry, ``frm_weight_0`` and so on, which the loss logs, there
    are ``frm_entropy``, the mean entropy of a sample's weights (0: one entry, 1: all alike), and
    ``frm_choice``, the entropy of the mean weights less that (0: the same for all texts).
    Without a refinement module the hook is idle.
    """

    priority = 'NORMAL'
    """Before ``LoggerHook``, whose priority is BELOW_NORMAL."""

    def __init__(self) -> None:
        self._weights: Tensor | None = None
        self._handle: Any = None

    def before_train(self, runner: Runner) -> None:
        """Begin to listen to the refinement module."""
        model = unwrap_model(runner.model)
        frm = getattr(getattr(model, 'co_learning', None), 'frm', None)
        if frm is not None and self._handle is None:
            self._handle = frm.register_forward_hook(self._listen)

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: object = None, outputs: object = None
    ) -> None:
        """Hand the entropies to the log."""
        if self._weights is not None:
            entropy, total = entry_entropies(self._weights)
            runner.message_hub.update_scalar('train/frm_entropy', entropy)
            runner.message_hub.update_scalar('train/frm_choice', total - entropy)

    def after_train(self, runner: Runner) -> None:
        """Stop listening."""
        if self._handle is not None:
            self._handle.remove()
        self._handle, self._weights = None, None

    def _listen(self, module: object, inputs: object, outputs: tuple[Tensor, Tensor]) -> None:
        self._weights = outputs[1].detach()
