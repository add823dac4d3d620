"""The model inside of a distributed wrapper."""

from typing import Any

from mmengine.model import is_model_wrapper
from torch import nn


def unwrap_model(model: nn.Module) -> Any:
    """Return the model that a wrapper such as ``MMDistributedDataParallel`` holds, or the model."""
    return model.module if is_model_wrapper(model) else model
