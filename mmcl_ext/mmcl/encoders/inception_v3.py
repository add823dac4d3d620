import os
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmcl_ext.mmcl.encoders.base import BaseImageEncoder, renormalise
from mmcl_ext.mmcl.encoders.weights import load_weights
from mmcl_ext.registry import MODELS

_SMALLEST = 75
"""Height and width below which a feature map would vanish."""


@MODELS.register_module()
class InceptionV3(BaseImageEncoder):
    """Inception-v3 without the auxiliary classifier.

    Szegedy et al., "Rethinking the Inception Architecture for Computer Vision",
    CVPR 2016. Parameters are named as in torchvision, so that its public weights
    load; the auxiliary classifier's entries are left out. 23,834,568 parameters
    with 1000 outputs, 21,785,568 without the last layer.

    Args:
        num_classes: Width of the last linear layer, whose outputs are the feature (the 1000
            ImageNet logits in the reference implementation of co-learning). None leaves the layer
            out: the feature is the pooled map of 2048 channels.
        transform_input: Whether images normalised by the ImageNet mean and standard deviation are
            brought to the range -1 to 1 that the public weights were trained with.
        pretrained: ``'default'`` for the public ImageNet weights, a local file, or None. Loaded by
            :meth:`init_weights`.
    """

    def __init__(
        self,
        num_classes: int | None = 1000,
        transform_input: bool = True,
        dropout: float = 0.5,
        pretrained: str | os.PathLike | None = None,
        frozen: bool = False,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(frozen=frozen, init_cfg=init_cfg)
        self.transform_input = transform_input
        self.pretrained = pretrained
        layers = dict(
            Conv2d_1a_3x3=_Conv(3, 32, 3, stride=2),
            Conv2d_2a_3x3=_Conv(32, 32, 3),
            Conv2d_2b_3x3=_Conv(32, 64, 3, padding=1),
            maxpool1=nn.MaxPool2d(3, stride=2),
            Conv2d_3b_1x1=_Conv(64, 80, 1),
            Conv2d_4a_3x3=_Conv(80, 192, 3),
            maxpool2=nn.MaxPool2d(3, stride=2),
            Mixed_5b=_inception_a(192, 32),
            Mixed_5c=_inception_a(256, 64),
            Mixed_5d=_inception_a(288, 64),
            Mixed_6a=_inception_b(288),
            Mixed_6b=_inception_c(768, 128),
            Mixed_6c=_inception_c(768, 160),
            Mixed_6d=_inception_c(768, 160),
            Mixed_6e=_inception_c(768, 192),
            Mixed_7a=_inception_d(768),
            Mixed_7b=_InceptionE(1280),
            Mixed_7c=_InceptionE(2048),
        )
        for name, layer in layers.items():
            self.add_module(name, layer)
        self.chain = tuple(layers)
        self.dropout = nn.Dropout(dropout)
        self.fc = None if num_classes is None else nn.Linear(2048, num_classes)
        self.out_channels = 2048 if num_classes is None else num_classes
        self.freeze_if_asked()

    def init_weights(self) -> None:
        """Load the pretrained weights, or draw random ones."""
        if self.pretrained is not None:
            load_weights(self, self.pretrained, 'inception_v3')
        elif self.init_cfg:
            super().init_weights()
        else:
            for module in self.modules():
                if isinstance(module, (nn.Conv2d, nn.Linear)):
                    nn.init.normal_(module.weight, std=0.1)  # as torchvision, but not cut off
        self._is_init = True

    def encode(self, image: Tensor) -> Tensor:
        """Compute the logits, or the pooled map, of (N, 3, H, W), H and W at least 75: (N, F)."""
        if min(image.shape[-2:]) < _SMALLEST:
            raise ValueError(
                f'images have shape {tuple(image.shape)}, Inception-v3 needs at least '
                f'{_SMALLEST} x {_SMALLEST}'
            )
        x = renormalise(image, mean=0.5, std=0.5) if self.transform_input else image
        for name in self.chain:
            x = self.get_submodule(name)(x)
        pooled = x.mean(dim=(2, 3))  # (N, 2048)
        return pooled if self.fc is None else self.fc(self.dropout(pooled))


class _Conv(nn.Module):
    """Convolution without bias, batch norm and ReLU."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        stride: int = 1,
        padding: int | tuple[int, int] = 0,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(out_channels, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)), inplace=True)


class _PooledConv(_Conv):
    """Average over 3x3, then the convolution."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.avg_pool2d(x, 3, stride=1, padding=1))


class _Branches(nn.Module):
    """Chains of layers side by side; those of a longer chain are numbered, as in torchvision."""

    def __init__(self, **branches: Sequence[nn.Module]) -> None:
        super().__init__()
        self.chains: list[list[str]] = []
        for branch, layers in branches.items():
            numbered = [f'{branch}_{i}' for i in range(1, len(layers) + 1)]
            self.chains.append(numbered if len(layers) > 1 else [branch])
            for name, layer in zip(self.chains[-1], layers, strict=True):
                self.add_module(name, layer)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self._run(chain, x) for chain in self.chains], dim=1)

    def _run(self, chain: Sequence[str], x: Tensor) -> Tensor:
        for name in chain:
            x = self.get_submodule(name)(x)
        return x


def _inception_a(in_channels: int, pool_features: int) -> nn.Module:
    """Branches of 1x1, 5x5, two 3x3, and pooling; keeps the map's size."""
    return _Branches(
        branch1x1=[_Conv(in_channels, 64, 1)],
        branch5x5=[_Conv(in_channels, 48, 1), _Conv(48, 64, 5, padding=2)],
        branch3x3dbl=[
            _Conv(in_channels, 64, 1),
            _Conv(64, 96, 3, padding=1),
            _Conv(96, 96, 3, padding=1),
        ],
        branch_pool=[_PooledConv(in_channels, pool_features, 1)],
    )


def _inception_b(in_channels: int) -> nn.Module:
    """Halves the map: branches of 3x3, two 3x3, and pooling."""
    return _Branches(
        branch3x3=[_Conv(in_channels, 384, 3, stride=2)],
        branch3x3dbl=[
            _Conv(in_channels, 64, 1),
            _Conv(64, 96, 3, padding=1),
            _Conv(96, 96, 3, stride=2),
        ],
        pool=[nn.MaxPool2d(3, stride=2)],
    )


def _inception_c(in_channels: int, width: int) -> nn.Module:
    """Branches with 7x7 convolutions split into 1x7 and 7x1."""
    row: dict = {'kernel_size': (1, 7), 'padding': (0, 3)}
    column: dict = {'kernel_size': (7, 1), 'padding': (3, 0)}
    return _Branches(
        branch1x1=[_Conv(in_channels, 192, 1)],
        branch7x7=[
            _Conv(in_channels, width, 1),
            _Conv(width, width, **row),
            _Conv(width, 192, **column),
        ],
        branch7x7dbl=[
            _Conv(in_channels, width, 1),
            _Conv(width, width, **column),
            _Conv(width, width, **row),
            _Conv(width, width, **column),
            _Conv(width, 192, **row),
        ],
        branch_pool=[_PooledConv(in_channels, 192, 1)],
    )


def _inception_d(in_channels: int) -> nn.Module:
    """Halves the map: branches of 3x3, 7x7 with 3x3, and pooling."""
    return _Branches(
        branch3x3=[_Conv(in_channels, 192, 1), _Conv(192, 320, 3, stride=2)],
        branch7x7x3=[
            _Conv(in_channels, 192, 1),
            _Conv(192, 192, (1, 7), padding=(0, 3)),
            _Conv(192, 192, (7, 1), padding=(3, 0)),
            _Conv(192, 192, 3, stride=2),
        ],
        pool=[nn.MaxPool2d(3, stride=2)],
    )


class _InceptionE(nn.Module):
    """Branches whose last 3x3 is split into 1x3 and 3x1 side by side."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        row: dict = {'kernel_size': (1, 3), 'padding': (0, 1)}
        column: dict = {'kernel_size': (3, 1), 'padding': (1, 0)}
        self.branch1x1 = _Conv(in_channels, 320, 1)
        self.branch3x3_1 = _Conv(in_channels, 384, 1)
        self.branch3x3_2a = _Conv(384, 384, **row)
        self.branch3x3_2b = _Conv(384, 384, **column)
        self.branch3x3dbl_1 = _Conv(in_channels, 448, 1)
        self.branch3x3dbl_2 = _Conv(448, 384, 3, padding=1)
        self.branch3x3dbl_3a = _Conv(384, 384, **row)
        self.branch3x3dbl_3b = _Conv(384, 384, **column)
        self.branch_pool = _PooledConv(in_channels, 192, 1)

    def forward(self, x: Tensor) -> Tensor:
        single = self.branch3x3_1(x)
        double = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        branches = (
            self.branch1x1(x),
            self.branch3x3_2a(single),
            self.branch3x3_2b(single),
            self.branch3x3dbl_3a(double),
            self.branch3x3dbl_3b(double),
            self.branch_pool(x),
        )
        return torch.cat(branches, dim=1)
