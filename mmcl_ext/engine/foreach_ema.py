from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from mmengine.model import ExponentialMovingAverage
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from mmcl_ext.registry import MODELS


@MODELS.register_module()
class ForeachEMA(ExponentialMovingAverage):
    """MMEngine's ``ExponentialMovingAverage``, with one call for all parameters of a kind.

    MMEngine averages one parameter after the other, and compares a counter on the device, which
    halts a GPU. The averages are the same up to rounding, and so are the arguments and the state
    dictionary. For ``EMAHook``: ``dict(type='EMAHook', ema_type='ForeachEMA')``.
    """

    def __init__(self, model: nn.Module, *args: Any, **kwargs: Any) -> None:
        super().__init__(model, *args, **kwargs)
        self._updates = 0  # as ``steps``, without a look at the device

    @torch.no_grad()
    def update_parameters(self, model: nn.Module) -> None:
        """Average the parameters, and copy the buffers unless they are averaged, too."""
        if self._updates == 0 or self.update_buffers:
            sources: Mapping[str, Tensor] = model.state_dict(keep_vars=True)
            pairs = [(average, sources[name]) for name, average in self.avg_parameters.items()]
        else:
            pairs = list(zip(self.module.parameters(), model.parameters(), strict=True))
        if self._updates == 0:
            _copy(pairs)
        elif self._updates % self.interval == 0:
            average = get_ema_multi_avg_fn(1 - self.momentum)
            for averages, values in _by_kind(p for p in pairs if p[0].is_floating_point()):
                average(averages, values, self.steps)
        if not self.update_buffers:
            _copy(zip(self.module.buffers(), model.buffers(), strict=True))
        self.steps += 1
        self._updates += 1

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        super()._load_from_state_dict(*args, **kwargs)
        self._updates = int(self.steps)


def _copy(pairs: Iterable[tuple[Tensor, Tensor]]) -> None:
    for targets, values in _by_kind(pairs):
        torch._foreach_copy_(targets, values)


def _by_kind(pairs: Iterable[tuple[Tensor, Tensor]]) -> list[tuple[list[Tensor], list[Tensor]]]:
    """Sort pairs of a target and a value by the target's type and device, and move the values."""
    kinds: dict[Any, tuple[list[Tensor], list[Tensor]]] = defaultdict(lambda: ([], []))
    for target, value in pairs:
        targets, values = kinds[target.dtype, target.device]
        targets.append(target)
        values.append(value.to(target.device))
    return list(kinds.values())
