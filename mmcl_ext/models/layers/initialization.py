"""Initial values of the published skeleton networks.

A rule takes the width of *one* published convolution, also where ours merges several.
"""

import math

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd


def init_fan_out(conv: _ConvNd, parts: int = 1) -> None:
    """Kaiming-normal initialisation over the outputs, gain sqrt(2); bias 0.

    ``parts`` is the number of published convolutions merged along C_out.
    """
    width, _, *kernel = conv.weight.shape
    std = math.sqrt(2.0 / (width // parts * math.prod(kernel)))
    nn.init.normal_(conv.weight, 0.0, std)
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)


def init_norm(norm: _BatchNorm, weight: float = 1.0, std: float = 0.0) -> None:
    """Initialise a normalisation: weight ~ N(weight, std), bias 0."""
    nn.init.normal_(norm.weight, weight, std)
    nn.init.zeros_(norm.bias)


def init_default(module: nn.Module) -> nn.Module:
    """Give all convolutions of a module PyTorch's own initial values; return the module."""
    for part in module.modules():
        if isinstance(part, _ConvNd):
            part.reset_parameters()
    return module
