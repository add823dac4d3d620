from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmcl_ext.models.layers.edge_conv import EdgeConv
from mmcl_ext.models.layers.hierarchy_aggregation import HierarchyAggregation
from mmcl_ext.models.layers.initialization import init_fan_out, init_norm
from mmcl_ext.models.layers.temporal_conv import build_shortcut


class HierarchyGraphConv(nn.Module):
    """Graph convolution per level of a hierarchy, and the levels' weighted sum.

    Source: HD-GC, Lee et al., "HD-GCN", ICCV 2023, section 3.2. Per level, on
    C' / (S + 1) channels: one graph convolution per subset (each with its own
    normalisation), and an edge convolution of the temporal mean, which has no time axis;
    concatenated. The levels are summed, weighted by :class:`HierarchyAggregation` if ``levels``
    gives the joints of each, counted from 0, and the result is ReLU(BN(y) + shortcut(x)).

    All levels are computed together; the projections of the subsets come before the aggregation,
    with the bias behind it; and the edge convolution is not repeated over the frames before the
    levels have been summed. C' is a multiple of S + 1 and of 4; A, the initial topology (L, S, V,
    V), whose row u receives from column v, is trained.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        A: Tensor,
        levels: Sequence[Sequence[int]] | None = None,
    ) -> None:
        super().__init__()
        self.levels, self.subsets, joints, _ = A.shape
        width = out_channels // (self.subsets + 1)
        merged, parts = self.levels * width, self.levels * self.subsets
        self.A = nn.Parameter(A.clone())
        self.conv_down = nn.Conv2d(in_channels, merged, 1)
        self.bn_down = nn.BatchNorm2d(merged)
        self.conv = nn.Conv2d(merged, self.subsets * merged, 1, groups=self.levels)
        self.conv_bn = nn.BatchNorm2d(self.subsets * merged)
        self.edge_conv = EdgeConv(width, k=5, groups=self.levels)
        self.aggregation: HierarchyAggregation | None = None
        if levels is not None:
            self.aggregation = HierarchyAggregation(out_channels, levels, joints)
        self.bn = nn.BatchNorm2d(out_channels)
        self.down = build_shortcut(in_channels, out_channels)
        init_fan_out(self.conv_down, parts=self.levels)
        init_fan_out(self.conv, parts=parts)
        init_norm(self.bn, 1e-6)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, V, T) to (N, C', V, T)."""
        h = F.relu(self.bn_down(self.conv_down(x)), inplace=True)  # (N, L*I, V, T)
        spatial = self._spatial(h).unflatten(1, (self.levels, -1))  # (N, L, S*I, V, T)
        edge = self.edge_conv(h.mean(-1)).unflatten(1, (self.levels, -1))  # (N, L, I, V)
        if self.aggregation is not None:
            peaks = torch.cat((spatial.max(dim=-1).values, edge), dim=2)
            gates = self.aggregation(peaks.transpose(1, 2)).transpose(1, 2)  # (N, L, C')
            first, second = gates.split([spatial.shape[2], edge.shape[2]], dim=2)
            spatial = spatial * first[..., None, None]
            edge = edge * second[..., None]
        edge = edge.sum(1).unsqueeze(-1).expand(-1, -1, -1, x.shape[-1])
        y = self.bn(torch.cat((spatial.sum(1), edge), dim=1))
        return F.relu(y + self.down(x), inplace=True)

    def _spatial(self, h: Tensor) -> Tensor:
        """Convolve every level along its subsets: (N, L*I, V, T) to (N, L*S*I, V, T)."""
        parts = self.levels * self.subsets
        y = F.conv2d(h, self.conv.weight, groups=self.levels).unflatten(1, (parts, -1))
        y = torch.einsum('kuv,nkivt->nkiut', self.A.flatten(0, 1), y)
        return self.conv_bn(y.flatten(1, 2) + cast(Tensor, self.conv.bias).view(-1, 1, 1))
