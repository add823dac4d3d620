"""Sum of parallel 1x1 convolutions."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmcl_ext.models.layers.initialization import init_branches


class SubsetConv(nn.Conv2d):
    """One 1x1 convolution in place of S (``branches``) whose results are summed.

    The biases stay apart: each is trained, so their sum moves S times as fast as a
    single bias would.

    Attributes:
        weight: (C', C * S, 1, 1), input index (C, S).
        biases: (S, C').
    """

    def __init__(self, in_channels: int, out_channels: int, branches: int) -> None:
        super().__init__(in_channels * branches, out_channels, 1, bias=False)
        self.biases = nn.Parameter(torch.zeros(branches, out_channels))
        init_branches(self)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C * S, V, T), channel index (C, S), to (N, C', V, T)."""
        return F.conv2d(x, self.weight, self.biases.sum(0))
