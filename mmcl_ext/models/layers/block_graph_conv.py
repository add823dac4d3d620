import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmcl_ext.models.layers.initialization import init_fan_out
from mmcl_ext.models.layers.subset_conv import SubsetConv
from mmcl_ext.models.layers.temporal_conv import build_shortcut

_EPS = 1e-4


class BlockGraphConv(nn.Module):
    """Graph convolution in blocks of channels, along trained topologies and distances in hops.

    Source: BlockGC, Zhou et al., "BlockGCN", CVPR 2024, as released. Per subset k and head h, with
    rows of length almost 1::

        B[u, v] = A[u, v] / (|A[u, :]| + 1e-4) + P[hops(u, v)] / (|P[hops(u, :)]| + 1e-4)
        y[u] = sum over k and v of W_k x[v] B_k[u, v] + b_k

    and the result is ReLU(BN(y) + shortcut(x)). The heads have their own channels, in W, too. A
    starts as the identity and P, a value per number of hops, at 0. All subsets are aggregated by
    one product and projected by one convolution.

    Args:
        hops: Bones between every two joints (V, V).
        subsets: Topologies per head.
    """

    hops: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        hops: Tensor,
        *,
        heads: int = 8,
        subsets: int = 3,
    ) -> None:
        super().__init__()
        if in_channels % heads or out_channels % heads:
            raise ValueError(f'{heads} heads cannot share {in_channels} to {out_channels} channels')
        self.A = nn.Parameter(torch.eye(len(hops)).repeat(subsets, heads, 1, 1))
        self.distance = nn.Parameter(torch.zeros(subsets, heads, int(hops.max()) + 1))
        self.register_buffer('hops', hops, persistent=False)
        self.conv = SubsetConv(in_channels, out_channels, subsets, groups=heads)
        self.bn = nn.BatchNorm2d(out_channels)
        self.down = build_shortcut(in_channels, out_channels)
        init_fan_out(self.conv)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, V, T) to (N, C', V, T)."""
        n, _, joints, frames = x.shape
        # (H, 1, S*V, V) x (N, H, C / H, V, T)
        matrix = self.topology().transpose(0, 1).flatten(1, 2).unsqueeze(1).to(x.dtype)
        y = matrix @ x.unflatten(1, (len(matrix), -1))
        y = self.conv(y.reshape(n, -1, joints, frames))
        return F.relu(self.bn(y) + self.down(x), inplace=True)

    def topology(self) -> Tensor:
        """Return the topologies (S, H, V, V); the first V receives."""
        distance = self.distance[:, :, self.hops]
        return sum(m / (m.norm(dim=-1, keepdim=True) + _EPS) for m in (self.A, distance))
