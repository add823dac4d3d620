from typing import Self

import torch
from mmengine.model import BaseModule
from torch import Tensor

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def renormalise(image: Tensor, mean: float, std: float) -> Tensor:
    """Turn ImageNet's normalisation of pixels in 0..1 (N, 3, H, W) into that of other weights."""
    own_std = image.new_tensor(IMAGENET_STD)[:, None, None]
    own_mean = image.new_tensor(IMAGENET_MEAN)[:, None, None]
    return image * (own_std / std) + (own_mean - mean) / std


class BaseImageEncoder(BaseModule):
    """Base of the image encoders: an image in, one vector out.

    A ``frozen`` encoder has no gradient, stays in eval mode whatever ``train()`` is called with,
    and runs without recording a graph. Subclasses implement :meth:`encode`, set
    :attr:`out_channels` and end their constructor with :meth:`freeze_if_asked`.
    """

    out_channels: int
    """Width F of the image feature."""

    def __init__(self, frozen: bool = False, init_cfg: dict | list[dict] | None = None) -> None:
        super().__init__(init_cfg=init_cfg)
        self.frozen = frozen

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
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            return self.encode(image)

    def encode(self, image: Tensor) -> Tensor:
        """Compute the features: shape (N, 3, H, W) to (N, F)."""
        raise NotImplementedError
