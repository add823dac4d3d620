import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmcl_ext.models.layers.initialization import init_norm
from mmcl_ext.models.layers.subset_conv import SubsetConv
from mmcl_ext.models.layers.temporal_conv import build_shortcut


class StaticGraphConv(nn.Module):
    """Graph convolution along normalised, trained topologies.

    Source: the baseline of CTR-GCN (Chen et al., ICCV 2021, section 4.3), as released
    by its authors. Per subset k::

        B[u, v] = A[u, v] / (|A[u, :]| + 1e-4)
        y[u] = sum over k and v of W_k x[v] B_k[u, v] + b_k

    and the result is ReLU(BN(y) + shortcut(x)). All subsets are aggregated by one product and
    projected by one convolution. A (S, V, V) is the initial topology, and is trained.
    """

    def __init__(self, in_channels: int, out_channels: int, A: Tensor) -> None:
        super().__init__()
        self.A = nn.Parameter(A.clone())
        self.conv = SubsetConv(in_channels, out_channels, A.shape[0])
        self.bn = nn.BatchNorm2d(out_channels)
        self.down = build_shortcut(in_channels, out_channels)
        init_norm(self.bn, 1e-6)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, V, T) to (N, C', V, T)."""
        y = self.conv(aggregate(x, self.topology()))
        return F.relu(self.bn(y) + self.down(x), inplace=True)

    def topology(self) -> Tensor:
        """Return the topology (S, V, V) with rows of length almost 1."""
        return self.A / (self.A.norm(dim=-1, keepdim=True) + 1e-4)


def aggregate(x: Tensor, topology: Tensor) -> Tensor:
    """Collect what joints (N, C, V, T) receive in each subset (S, V, V): (N, C * S, V, T)."""
    n, channels, joints, frames = x.shape
    # (S*V, V) x (V, T) for each sample and channel; matmul would copy x to save a copy here
    matrix = topology.flatten(0, 1).expand(n * channels, -1, -1)
    return torch.bmm(matrix, x.reshape(n * channels, joints, frames)).view(n, -1, joints, frames)
