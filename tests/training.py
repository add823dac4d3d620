"""What tests of training steps share."""

from typing import Any

import torch
from mmengine.optim import OptimWrapper
from torch import nn


class GradientsKept(OptimWrapper):
    """Plain SGD that leaves the gradients after a step, for a look at them."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__(torch.optim.SGD(model.parameters(), lr=0.01))

    def zero_grad(self, **kwargs: Any) -> None:
        """Keep them."""


def without_gradient(model: nn.Module) -> list[str]:
    """List the parameters whose gradient is absent or not finite."""
    grads = {key: p.grad for key, p in model.named_parameters()}
    return [key for key, grad in grads.items() if grad is None or not grad.isfinite().all()]
