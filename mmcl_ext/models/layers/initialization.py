"""Initial values of the published skeleton networks.

A convolution of ours may hold several published ones side by side. Every rule
therefore takes the width of *one* published convolution, never that of the
merged one.
"""

import math

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd


def init_fan_out(conv: _ConvNd, parts: int = 1) -> None:
    """Kaiming-normal initialisation over the outputs, gain sqrt(2); bias 0.

    Args:
        conv: Convolution with weight (C_out, C_in / groups, *kernel).
        parts: Number of published convolutions merged along C_out.
    """
    width, _, *kernel = conv.weight.shape
    std = math.sqrt(2.0 / (width // parts * math.prod(kernel)))
    nn.init.normal_(conv.weight, 0.0, std)
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)


def init_branches(conv: _ConvNd) -> None:
    """Normal initialisation of parallel convolutions whose results are summed; bias 0.

    The standard deviation is sqrt(2 / (C_out * C_in * k * branches)), that is, two
    over the number of weights of all branches.

    Args:
        conv: All branches merged, along C_in or along C_out.
    """
    nn.init.normal_(conv.weight, 0.0, math.sqrt(2.0 / conv.weight.numel()))
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)


def init_norm(norm: _BatchNorm, weight: float = 1.0, std: float = 0.0) -> None:
    """Initialise a normalisation: weight ~ N(weight, std), bias 0."""
    nn.init.normal_(norm.weight, weight, std)
    nn.init.zeros_(norm.bias)
