import math

import torch.nn.functional as F
from torch import Tensor, nn

from mmcl_ext.models.layers.initialization import init_norm
from mmcl_ext.models.layers.subset_conv import SubsetConv
from mmcl_ext.models.layers.temporal_conv import build_shortcut


class AttentionGraphConv(nn.Module):
    """Graph convolution whose topology is self-attention times a trained array.

    Source: SA-GC, Chi et al., "InfoGCN", CVPR 2022, Eq. 10-12. Per frame and head h,
    with q and k projections of the layer-normalised joints to d = C / 8 channels::

        S[u, v] = softmax over v of q[u] . k[v] / sqrt(d)
        y[u] = sum over h and v of W_h x[v] S_h[u, v] A_h[u, v] + b_h

    and the result is ReLU(BN(y) + shortcut(x)). All heads are aggregated by one product and
    projected by one convolution. C is at least 8; A (S, V, V), one per head, is the initial
    shared topology, whose row u receives from column v, and is trained.
    """

    def __init__(self, in_channels: int, out_channels: int, A: Tensor) -> None:
        super().__init__()
        self.heads = A.shape[0]
        self.A = nn.Parameter(A.clone())
        self.norm = nn.LayerNorm(in_channels)
        self.to_qk = nn.Linear(in_channels, 2 * self.heads * (in_channels // 8))
        self.conv = SubsetConv(in_channels, out_channels, self.heads)
        self.bn = nn.BatchNorm2d(out_channels)
        self.down = build_shortcut(in_channels, out_channels)
        nn.init.normal_(self.to_qk.weight)
        init_norm(self.bn, 1e-6)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, V, T) to (N, C', V, T)."""
        n, channels, joints, frames = x.shape
        nodes = x.permute(0, 3, 2, 1).reshape(n * frames, joints, channels)
        # (N*T, S*V, V) x (N*T, V, C) for each frame
        y = self.topology(nodes).flatten(1, 2) @ nodes
        y = y.view(n, frames, self.heads, joints, channels).permute(0, 4, 2, 3, 1)
        y = self.conv(y.reshape(n, channels * self.heads, joints, frames))
        return F.relu(self.bn(y) + self.down(x), inplace=True)

    def topology(self, nodes: Tensor) -> Tensor:
        """Infer topologies (N, S, V, V) of joints (N, V, C) in N frames; the first V receives."""
        return self.attention(nodes) * self.A

    def dynamic_topology(self, x: Tensor) -> Tensor:
        """Infer the mean attention over the frames of (R, C, V, T): (R, S, 1, V, V)."""
        nodes = x.permute(0, 3, 2, 1)
        attention = self.attention(nodes.flatten(0, 1))
        return attention.unflatten(0, nodes.shape[:2]).mean(1).unsqueeze(2)

    def attention(self, nodes: Tensor) -> Tensor:
        """Weigh joints (N, V, C) of N frames for one another: (N, S, V, V), rows sum to 1."""
        n, joints, _ = nodes.shape
        qk = self.to_qk(self.norm(nodes)).view(n, joints, 2, self.heads, -1)
        q, k = qk.permute(2, 0, 3, 1, 4)  # (N, S, V, d) each
        scores = (q / math.sqrt(q.shape[-1])) @ k.transpose(-1, -2)
        return scores.softmax(dim=-1)
