from collections.abc import Sequence
from typing import Any

import torch
from mmengine.structures import BaseDataElement
from torch import Tensor


def own_losses(
    part: Any, features: Tensor, data_samples: Sequence[BaseDataElement] | None
) -> dict[str, Tensor]:
    """Ask a backbone or head for the losses that it brings besides the classification's.

    Such a part has a method ``own_losses(features, labels)``, which gives weighted losses by names
    with ``loss`` in them. A backbone gets its features (N, M, C', T', V), a head what it
    classifies, (N, C'); labels are those of :func:`stack_labels`. A part without it gives none.
    """
    if not hasattr(part, 'own_losses'):
        return {}
    if data_samples is None:
        raise ValueError("mode 'loss' needs data_samples with labels, got None")
    losses = part.own_losses(features, stack_labels(data_samples).to(features.device))
    unnamed = [name for name in losses if 'loss' not in name]
    if unnamed:
        raise ValueError(
            f'{type(part).__name__}.own_losses gives {unnamed[0]!r}: only what has "loss" in its '
            'name enters the sum'
        )
    return losses


def stack_labels(data_samples: Sequence[BaseDataElement]) -> Tensor:
    """Stack the labels of N samples: indices (N,), or probabilities (N, K)."""
    labels = torch.stack([sample.gt_label for sample in data_samples])
    return labels.squeeze(1) if not labels.is_floating_point() and labels.ndim == 2 else labels
