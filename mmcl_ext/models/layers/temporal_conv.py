from torch import Tensor, nn

from mmcl_ext.models.layers.initialization import init_fan_out


class TemporalConv(nn.Module):
    """Convolution over an odd number of frames and batch normalisation; T' is ceil(T / stride)."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int = 5, stride: int = 1
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels,
            out_channels,
            (1, kernel_size),
            stride=(1, stride),
            padding=(0, kernel_size // 2),
        )
        self.bn = nn.BatchNorm2d(out_channels)
        init_fan_out(self.conv)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, V, T) to (N, C', V, T')."""
        return self.bn(self.conv(x))


def build_shortcut(in_channels: int, out_channels: int) -> nn.Module:
    """Build the identity, or 1x1 convolution and normalisation where the width changes."""
    if in_channels == out_channels:
        return nn.Identity()
    conv = nn.Conv2d(in_channels, out_channels, 1)
    init_fan_out(conv)
    return nn.Sequential(conv, nn.BatchNorm2d(out_channels))
