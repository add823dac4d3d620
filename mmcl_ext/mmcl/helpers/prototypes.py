"""Prototypes of classes, which learn from samples that are classified right."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmcl_ext.mmcl.losses.contrastive_loss import unit_vectors


class ClassPrototypes(nn.Module):
    """A running mean feature (K, D) of each class, as in FR-Head and ProtoGCN.

    Where samples of a class are classified right, its prototype P becomes ``momentum * P`` and the
    rest of their mean; this share carries the gradient. They are buffers: saved, resumed, and alike
    in all processes, since they learn from the samples of all.
    """

    values: Tensor

    def __init__(self, num_classes: int, channels: int, momentum: float = 0.9) -> None:
        super().__init__()
        self.momentum = momentum
        self.register_buffer('values', torch.randn(num_classes, channels))

    def forward(self, features: Tensor, right: Tensor) -> Tensor:
        """Learn from features (N, D) of which some are ``right`` (N, K); give (K, D)."""
        old = self.values.clone()
        means, there = class_means(features, right)
        new = torch.where(there[:, None], self.momentum * old + (1 - self.momentum) * means, old)
        self.values.copy_(new.detach())
        return new


def class_means(features: Tensor, members: Tensor) -> tuple[Tensor, Tensor]:
    """Mean of the features (N, D) whose ``members`` (N, K) are true: (K, D), and where any is."""
    counts = members.sum(0)
    sums = members.to(features.dtype).T @ features
    return sums / counts.clamp(min=1)[:, None], counts > 0


def outcomes(logits: Tensor, classes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Tell which samples (N, K) are right, missed by, or wrongly given to each class."""
    true = F.one_hot(classes, logits.shape[1]).bool()
    given = F.one_hot(logits.argmax(1), logits.shape[1]).bool()
    return true & given, true & ~given, given & ~true


def cosines(a: Tensor, b: Tensor) -> Tensor:
    """Cosines (N, K) of features (N, D) and (K, D)."""
    return unit_vectors(a) @ unit_vectors(b).T
