from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmcl_ext.models.layers.initialization import init_fan_out


class EdgeConv(nn.Module):
    """Edge convolution of nodes with their nearest neighbours, for several groups at once.

    Source: Wang et al., "Dynamic Graph CNN", ACM TOG 2019, Eq. 8, as in HD-GCN. For
    node i and its k nearest neighbours j in feature space (or all nodes), itself among them::

        y[i] = max over j of LeakyReLU(BN(W [x[j] - x[i]; x[i]]))

    With W = [P Q] the edges are P x[j] + (Q - P) x[i]: both products are taken per
    node, and only the sum per edge. Groups have their own weights, neighbours and ``channels``.
    """

    def __init__(self, channels: int, k: int, groups: int = 1) -> None:
        super().__init__()
        self.k = k
        self.conv = nn.Conv2d(
            2 * channels * groups, channels * groups, 1, groups=groups, bias=False
        )
        self.bn = nn.BatchNorm2d(channels * groups)
        init_fan_out(self.conv, parts=groups)

    def forward(self, x: Tensor) -> Tensor:
        """Map nodes (N, groups * C, V) to (N, groups * C, V)."""
        groups = self.conv.groups
        neighbour, own = cast(Tensor, self.conv.weight.squeeze(-1)).chunk(2, dim=1)
        theirs = F.conv1d(x, neighbour, groups=groups)
        mine = F.conv1d(x, own - neighbour, groups=groups)
        index = nearest(x.unflatten(1, (groups, -1)), self.k)  # (N, groups, V, k)
        picked = gather_nodes(theirs.unflatten(1, (groups, -1)), index).flatten(1, 2)
        edges = F.leaky_relu(self.bn(picked + mine.unsqueeze(-1)), 0.2, inplace=True)
        return edges.max(dim=-1).values


@torch.no_grad()
def nearest(x: Tensor, k: int) -> Tensor:
    """Find the k nearest of nodes (..., C, V): indices (..., V, min(k, V))."""
    squares = x.square().sum(dim=-2)  # (..., V)
    products = x.transpose(-1, -2) @ x
    closeness = 2 * products - squares.unsqueeze(-1) - squares.unsqueeze(-2)
    return closeness.topk(min(k, x.shape[-1]), dim=-1).indices


def gather_nodes(x: Tensor, index: Tensor) -> Tensor:
    """Pick nodes (..., C, V) by indices (..., V', k): (..., C, V', k)."""
    *lead, channels, _ = x.shape
    wanted = index.flatten(-2).unsqueeze(-2).expand(*lead, channels, -1)
    return x.gather(-1, wanted).unflatten(-1, index.shape[-2:])
