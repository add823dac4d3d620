from typing import Self

import torch
from mmengine.model import BaseModule
from torch import Tensor

from mmcl_ext.models.layers.folded_norms import FoldedNorms

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def renormalise(image: Tensor, mean: float, std: float) -> Tensor:
    """Turn ImageNet's normalisation of pixels in 0..1 (N, 3, H, W) into that of other weights."""
    own_std = image.new_tensor(IMAGENET_STD)[:, None, None]
    own_mean = image.new_tensor(IMAGENET_MEAN)[:, None, None]
    return image * (own_std / std) + (own_mean - mean) / std


class BaseImageEncoder(BaseModule):
    """Base of the image encoders: an image in, one vector out.

    A ``frozen`` encoder has no gradient, stays in eval mode whatever ``train()`` is called with,
    runs without recording a graph, and computes with its batch norms folded into its convolutions:
    the same features up to rounding. Its weights and state dictionary stay as they are. Subclasses
    implement :meth:`encode`, set :attr:`out_channels` and end their constructor with
    :meth:`freeze_if_asked`.
    """

    out_channels: int
    """Width F of the image feature."""

    def __init__(self, frozen: bool = False, init_cfg: dict | list[dict] | None = None) -> None:
        super().__init__(init_cfg=init_cfg)
        self.frozen = frozen
        self._folded = FoldedNorms()

    def freeze_if_asked(self) -> None:
        """Take the gradients away."""
        if self.frozen:
            self.requires_grad_(False)
            self.eval()

    def train(self, mode: bool = True) -> Self:
        """Switch the mode, unless frozen."""
        super().train(mode and not self.frozen)
        return self

    def forward(self, image: Tensor) -> Tensor:
        """Encode ImageNet-normalised RGB images (N, 3, H, W) to features (N, F)."""
        if not self.frozen:
            return self.encode(image)
        with torch.no_grad():
            return self._fold(image).encode(image)

    def _fold(self, image: Tensor) -> Self:
        """Return an encoder of the same features without those batch norms."""
        if torch.compiler.is_compiling():  # which folds by itself
            return self

        def encode(encoder: Self) -> Tensor:
            generator = torch.Generator().manual_seed(0)
            example = torch.randn((2, *image.shape[1:]), generator=generator).to(image)
            with torch.autocast(image.device.type, enabled=False):
                return encoder.encode(example)

        folded: Self = self._folded.of(self, encode)
        return folded

    def encode(self, image: Tensor) -> Tensor:
        """Compute the features: shape (N, 3, H, W) to (N, F)."""
        raise NotImplementedError
