"""Shortcut of a graph convolution."""

from torch import nn

from mmcl_ext.models.layers.initialization import init_fan_out


def build_shortcut(in_channels: int, out_channels: int) -> nn.Module:
    """Build the identity, or 1x1 convolution and normalisation where the width changes."""
    if in_channels == out_channels:
        return nn.Identity()
    conv = nn.Conv2d(in_channels, out_channels, 1)
    init_fan_out(conv)
    return nn.Sequential(conv, nn.BatchNorm2d(out_channels))
