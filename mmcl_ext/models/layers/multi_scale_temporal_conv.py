from collections.abc import Sequence
from typing import Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmcl_ext.models.layers.initialization import init_fan_out, init_norm


class MultiScaleTemporalConv(nn.Module):
    """Parallel temporal convolutions, a max pooling and a plain shortcut, concatenated.

    With C'' = C' / (number of dilations + 2), the branches are, in this order:
    one (1x1, BN, ReLU, dilated convolution, BN) per dilation;
    (1x1, BN, ReLU, max pooling over 3 frames, BN); (1x1, BN). T' is ceil(T / stride).

    Source: the temporal module of CTR-GCN (Chen et al., ICCV 2021, section 3.4), also used by
    HD-GCN and, with ``relu_after_concat`` and PyTorch's own initial values (``init='default'``), by
    InfoGCN. ``padding_mode`` is what the convolutions find beyond the clip, as in ``nn.Conv2d``.

    The branches are computed together where that changes nothing: one convolution
    and one normalisation lead into all branches but the shortcut, one
    normalisation follows the concatenation. With a stride, a branch whose dilation
    is a multiple of it never reads the frames in between; in evaluation they are
    not computed for it. (In training they belong to the batch statistics.)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        kernel_size: int = 5,
        stride: int = 1,
        dilations: Sequence[int] = (1, 2),
        relu_after_concat: bool = False,
        padding_mode: Literal['zeros', 'replicate'] = 'zeros',
        init: str = 'fan_out',
    ) -> None:
        super().__init__()
        self.widths = self.share(out_channels, len(dilations) + 2)
        *reduced, plain = self.widths
        self.width = plain
        self.stride = stride
        self.dilations = tuple(dilations)
        self.padding_mode = padding_mode
        self.relu_after_concat = relu_after_concat
        self.reduce = nn.Conv2d(in_channels, sum(reduced), 1)
        self.reduce_bn = nn.BatchNorm2d(sum(reduced))
        self.convs = nn.ModuleList(
            nn.Conv2d(
                width,
                width,
                (1, kernel_size),
                stride=(1, stride),
                padding=(0, dilation * (kernel_size // 2)),
                dilation=(1, dilation),
                padding_mode=padding_mode,
            )
            for width, dilation in zip(reduced, self.dilations, strict=False)
        )
        self.pool = nn.MaxPool2d((1, 3), stride=(1, stride), padding=(0, 1))
        self.shortcut = nn.Conv2d(in_channels, plain, 1, stride=(1, stride))
        self.bn = nn.BatchNorm2d(out_channels)
        self._init(init)

    @staticmethod
    def share(channels: int, branches: int) -> list[int]:
        """Share the channels out to the branches."""
        if channels % branches:
            raise ValueError(
                f'out_channels={channels} cannot be shared evenly by {branches} branches'
            )
        return [channels // branches] * branches

    def _init(self, init: str) -> None:
        if init == 'fan_out':
            init_fan_out(self.reduce, parts=len(self.dilations) + 1)
            for conv in (*self.convs, self.shortcut):
                init_fan_out(conv)
            init_norm(self.reduce_bn, 1.0, 0.02)
            init_norm(self.bn, 1.0, 0.02)
        elif init != 'default':
            raise ValueError(f"init must be 'fan_out' or 'default', got {init!r}")

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, V, T) to (N, C', V, T')."""
        y = self.bn(self.concatenate(x))
        return F.relu(y, inplace=True) if self.relu_after_concat else y

    def concatenate(self, x: Tensor) -> Tensor:
        """Compute the branches side by side: (N, C, V, T) to (N, C', V, T')."""
        branch = self._sparse_branches if self._skips_frames else self._dense_branches
        return torch.cat((*branch(x), self.shortcut(x)), dim=1)

    @property
    def _skips_frames(self) -> bool:
        """Whether some branch may leave frames out without changing its result."""
        return (
            not self.training
            and self.stride > 1
            and self.padding_mode == 'zeros'  # others repeat frames that would be left out
            and any(dilation % self.stride == 0 for dilation in self.dilations)
        )

    def _dense_branches(self, x: Tensor) -> list[Tensor]:
        """Compute the convolution branches and the pooling from all frames."""
        h = F.relu(self.reduce_bn(self.reduce(x)), inplace=True)
        *parts, last = h.split(self.widths[:-1], dim=1)
        convolved = [conv(part) for conv, part in zip(self.convs, parts, strict=True)]
        return [*convolved, self.pool(last)]

    def _sparse_branches(self, x: Tensor) -> list[Tensor]:
        """Compute them in evaluation, each from the frames it reads."""
        outputs = []
        for index, (conv, dilation) in enumerate(zip(self.convs, self.dilations, strict=True)):
            if dilation % self.stride:
                outputs.append(conv(self._reduce_part(x, index)))
            else:
                h = self._reduce_part(x[..., :: self.stride], index)
                outputs.append(self._conv_kept_frames(cast(nn.Conv2d, conv), h, dilation))
        return [*outputs, self.pool(self._reduce_part(x, len(self.convs)))]

    def _conv_kept_frames(self, conv: nn.Conv2d, h: Tensor, dilation: int) -> Tensor:
        # Taps lie at stride * t + dilation * j: among these frames, at t + step * j.
        step = dilation // self.stride
        padding = (0, step * (conv.kernel_size[1] // 2))
        return F.conv2d(h, conv.weight, conv.bias, padding=padding, dilation=(1, step))

    def _reduce_part(self, x: Tensor, index: int) -> Tensor:
        """Lead into one branch (1x1, BN with running statistics, ReLU)."""
        start = sum(self.widths[:index])
        part = slice(start, start + self.widths[index])
        bias = cast(Tensor, self.reduce.bias)[part]
        norm = self.reduce_bn
        mean, var = cast(Tensor, norm.running_mean), cast(Tensor, norm.running_var)
        affine = (mean[part], var[part], norm.weight[part], norm.bias[part])
        y = F.batch_norm(F.conv2d(x, self.reduce.weight[part], bias), *affine, eps=norm.eps)
        return F.relu(y, inplace=True)
