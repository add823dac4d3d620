import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmcl_ext.models.layers.temporal_conv import build_shortcut


class DynamicGraphConv(nn.Module):
    """Graph convolution of few channels per subset, along trained and inferred topologies.

    Source: DG-GCN, Duan et al., "DG-STGCN", arXiv 2210.05895, section 3.2, as released in PYSKL.
    With p = ReLU(BN(W_p x)) of S subsets of R = C' / 8 channels, and a and b two projections of the
    input's temporal mean to as many::

        G[s, r, u, v] = A[s, u, v] + alpha tanh(a[s, r, v] - b[s, r, u])
                        + beta softmax over v of sum over r of a[s, r, v] b[s, r, u]
        z[s, r, u] = sum over v of G[s, r, u, v] p[s, r, v]

    and the result is ReLU(BN(W z + w) + shortcut(x)). Of ``alpha`` and ``beta`` (S,) only the first
    value is used, as published; both start at 0.

    Args:
        A: Initial topology (S, V, V); row u receives from column v. Trained.

    Attributes:
        relation: Merged projections a, b; output index (2, S, R).
    """

    def __init__(self, in_channels: int, out_channels: int, A: Tensor) -> None:
        super().__init__()
        if out_channels < 8:
            raise ValueError(f'a subset has an eighth of the channels, of {out_channels} none')
        subsets = A.shape[0]
        width = subsets * (out_channels // 8)
        self.A = nn.Parameter(A.clone())
        self.alpha = nn.Parameter(torch.zeros(subsets))
        self.beta = nn.Parameter(torch.zeros(subsets))
        self.relation = nn.Conv1d(in_channels, 2 * width, 1)
        self.value = nn.Conv2d(in_channels, width, 1)
        self.value_bn = nn.BatchNorm2d(width)
        self.project = nn.Conv2d(width, out_channels, 1)
        self.bn = nn.BatchNorm2d(out_channels)
        self.down = build_shortcut(in_channels, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, V, T) to (N, C', V, T)."""
        n, _, joints, frames = x.shape
        value = F.relu(self.value_bn(self.value(x)), inplace=True)  # (N, S*R, V, T)
        shared = self.A.unsqueeze(1)
        topology = (self.dynamic_topology(x) + shared).view(-1, joints, joints).to(value.dtype)
        y = torch.bmm(topology, value.view(-1, joints, frames)).view(n, -1, joints, frames)
        return F.relu(self.bn(self.project(y)) + self.down(x), inplace=True)

    def dynamic_topology(self, x: Tensor) -> Tensor:
        """Infer the part of the topologies without A, (N, S, R, V, V); the first V receives."""
        a, b = self.relation(x.mean(-1)).unflatten(1, (2, len(self.A), -1)).unbind(1)
        distance = torch.tanh(a.unsqueeze(-2) - b.unsqueeze(-1))  # (N, S, R, V, V)
        attention = (b.transpose(-1, -2) @ a).softmax(dim=-1)  # (N, S, V, V)
        return self.alpha[0] * distance + (self.beta[0] * attention).unsqueeze(2)
