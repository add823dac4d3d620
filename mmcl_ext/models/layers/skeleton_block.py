import torch.nn.functional as F
from torch import Tensor, nn

from mmcl_ext.models.layers.temporal_conv import TemporalConv


class SkeletonBlock(nn.Module):
    """ReLU(temporal(graph(x)) + residual(x)).

    The graph convolution maps (N, C, V, T) to (N, C', V, T), the temporal one of this ``stride``
    that to (N, C', V, T'). The residual path, if any, is the identity where shape allows it, else a
    strided 1x1 convolution with normalisation.
    """

    def __init__(
        self,
        gcn: nn.Module,
        tcn: nn.Module,
        in_channels: int,
        out_channels: int,
        *,
        stride: int = 1,
        residual: bool = True,
    ) -> None:
        super().__init__()
        self.gcn = gcn
        self.tcn = tcn
        self.residual: nn.Module | None = None
        if residual:
            same = in_channels == out_channels and stride == 1
            self.residual = (
                nn.Identity()
                if same
                else TemporalConv(in_channels, out_channels, kernel_size=1, stride=stride)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, V, T) to (N, C', V, T')."""
        y = self.tcn(self.gcn(x))
        if self.residual is None:
            return F.relu(y)
        return F.relu(y + self.residual(x), inplace=True)
