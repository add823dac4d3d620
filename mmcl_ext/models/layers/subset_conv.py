import math

import torch
from torch import Tensor, nn


class SubsetConv(nn.Conv2d):
    """One 1x1 convolution in place of S (``branches``) whose results are summed.

    The biases (S, C') stay apart: each is trained, so their sum moves S times as fast as a
    single bias would. The weight is (C', C * S / groups, 1, 1), input index (C / groups, S).
    """

    def __init__(self, in_channels: int, out_channels: int, branches: int, groups: int = 1) -> None:
        super().__init__(in_channels * branches, out_channels, 1, bias=False, groups=groups)
        self.biases = nn.Parameter(torch.zeros(branches, out_channels))
        # two over the number of weights of all branches
        nn.init.normal_(self.weight, 0.0, math.sqrt(2.0 / self.weight.numel()))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C * S, V, T), channel index (C, S), to (N, C', V, T)."""
        return self._conv_forward(x, self.weight, self.biases.sum(0))
