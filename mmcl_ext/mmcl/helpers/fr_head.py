from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmcl_ext.fileio.printable import counted
from mmcl_ext.mmcl.helper import Taps, TrainingHelper, gathered
from mmcl_ext.mmcl.helpers.prototypes import ClassPrototypes, class_means, cosines, outcomes
from mmcl_ext.mmcl.losses.contrastive_loss import unit_vectors
from mmcl_ext.models.backbones.per_person import BlockShape
from mmcl_ext.registry import MODELS

_DEPTH_WEIGHTS = (0.1, 0.2, 0.5, 1.0)


class ConfusionContrast(nn.Module):
    """Draws features to the prototype of their class and away from those confused with it.

    Source: FR-Head, Zhou et al., CVPR 2023, arXiv 2305.01563, section 3.3, as released. The cosine
    with the true prototype is changed, by the cosine with the mean of the samples that the class
    missed, and with that of those wrongly given to it, each ``strength`` times 1 - p of the true
    class (``by_probability``). ``only_right`` changes it for right samples only, as released
    for NTU's cross-view split.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        channels: int = 256,
        strength: float = 0.125,
        temperature: float = 0.125,
        momentum: float = 0.9,
        by_probability: bool = True,
        only_right: bool = False,
    ) -> None:
        super().__init__()
        self.project = nn.Linear(in_channels, channels)
        self.prototypes = ClassPrototypes(num_classes, channels, momentum)
        self.strength, self.temperature = strength, temperature
        self.by_probability, self.only_right = by_probability, only_right

    def forward(self, features: Tensor, logits: Tensor, classes: Tensor) -> Tensor:
        """Compute the mean loss of features (N, D), logits (N, K), classes (N,) of all processes.

        The logits are taken as they are, without gradient.
        """
        features, logits, classes = gathered(self.project(features), logits.detach(), classes)
        missed, wrong = self.scores(features, logits, classes)
        terms = F.cross_entropy(missed / self.temperature, classes, reduction='none')
        terms = terms + F.cross_entropy(wrong / self.temperature, classes, reduction='none')
        return terms.mean()

    def scores(self, features: Tensor, logits: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
        """Give both cosines (N, K): changed by missed samples, and by wrongly given ones."""
        right, false_negative, false_positive = outcomes(logits, classes)
        cosine = cosines(features, self.prototypes(features, right))
        strength = torch.full_like(features[:, 0], self.strength)
        if self.by_probability:
            true = logits.softmax(1).gather(1, classes[:, None])[:, 0]
            strength = strength * (1 - true)
        if self.only_right:
            strength = strength * (logits.argmax(1) == classes)

        def change(members: Tensor, sign: float) -> Tensor:
            means, there = class_means(features, members)
            to_mean = (unit_vectors(features) * unit_vectors(means)[classes]).sum(1)
            added = strength * there[classes] * (sign * to_mean - 1)
            return cosine + F.one_hot(classes, cosine.shape[1]) * added[:, None]

        return change(false_negative, 1.0), change(false_positive, -1.0)


class _Squeeze(nn.Sequential):
    """Features (N, C, L) to (N, L * (size // L)), one convolution of size 1."""

    def __init__(self, in_channels: int, length: int, size: int) -> None:
        width = max(size // length, 1)
        layers = nn.Conv1d(in_channels, width, 1), nn.BatchNorm1d(width), nn.ReLU(inplace=True)
        super().__init__(*layers, nn.Flatten())
        self.out_channels = width * length


class FRDepth(nn.Module):
    """FR-Head at one depth: joints without frames, and frames without joints.

    Args:
        shape: Channels C, frames T and joints V of the features.
        kwargs: Of both :class:`ConfusionContrast`.
    """

    def __init__(
        self, shape: tuple[int, int, int], num_classes: int, channels: int = 256, **kwargs: Any
    ) -> None:
        super().__init__()
        width, self.frames, joints = shape
        self.squeeze_joints = _Squeeze(width, joints, channels)
        self.squeeze_frames = _Squeeze(width, self.frames, channels)
        self.spatial, self.temporal = (
            ConfusionContrast(num_classes, squeeze.out_channels, channels, **kwargs)
            for squeeze in (self.squeeze_joints, self.squeeze_frames)
        )

    def forward(self, x: Tensor, logits: Tensor, classes: Tensor) -> Tensor:
        """Compute the loss of features (N, M, C, T, V)."""
        if x.shape[3] != self.frames:
            raise ValueError(
                f'FRHead expects {counted(self.frames, "frame")} at this depth and received '
                f'{x.shape[3]}: set its num_frames to the window of the pipeline'
            )
        joints, frames = x.mean(dim=(1, 3)), x.mean(dim=(1, 4))
        return self.spatial(self.squeeze_joints(joints), logits, classes) + self.temporal(
            self.squeeze_frames(frames), logits, classes
        )


@MODELS.register_module()
class FRHead(TrainingHelper):
    """Feature refinement head: confusion-aware prototypes at several depths, no second signal.

    Source: Zhou et al., "Learning Discriminative Representations for Skeleton Based Action
    Recognition", CVPR 2023, arXiv 2305.01563, as released.

    Args:
        num_frames: Frames of a clip that enters the network.
        blocks: Numbers of the blocks, from 1. None: the first, those that widen, and the last:
            1, 5, 8 and 10 of CTR-GCN, as published.
        depth_weights: Weight of each; by default the last ones of 0.1, 0.2, 0.5, 1.
        kwargs: ``channels``, ``strength``, ``temperature``, ``momentum``, ``by_probability`` and
            ``only_right`` of :class:`ConfusionContrast`.
    """

    needs = ('blocks', 'layout')

    def __init__(
        self,
        block_shapes: Sequence[BlockShape],
        num_joints: int,
        num_classes: int,
        num_frames: int = 64,
        blocks: Sequence[int] | None = None,
        depth_weights: Sequence[float] | None = None,
        weight: float = 0.1,
        **kwargs: Any,
    ) -> None:
        super().__init__(weight)
        self.blocks = tuple(_usual_blocks(block_shapes) if blocks is None else blocks)
        if not self.blocks or not set(self.blocks) <= set(range(1, len(block_shapes) + 1)):
            raise ValueError(
                f'FRHead: blocks are {self.blocks}, the network has 1 to {len(block_shapes)}'
            )
        given = _DEPTH_WEIGHTS[-len(self.blocks) :] if depth_weights is None else depth_weights
        self.depth_weights = tuple(given)
        if len(self.depth_weights) != len(self.blocks):
            raise ValueError(
                f'FRHead: depth_weights {self.depth_weights} do not fit blocks {self.blocks}'
            )
        self.depths = nn.ModuleList()
        frames = num_frames
        for number, shape in enumerate(block_shapes, 1):
            frames = -(-frames // shape.stride)
            if number in self.blocks:
                size = (shape.out_channels, frames, num_joints)
                self.depths.append(FRDepth(size, num_classes, **kwargs))

    def loss(self, taps: Taps) -> dict[str, Tensor]:
        """Sum the losses of all depths: ``loss_confusion``."""
        depths = zip(sorted(self.blocks), self.depth_weights, self.depths, strict=True)
        terms = [
            weight * depth(taps.blocks[number], taps.logits, taps.classes)
            for number, weight, depth in depths
        ]
        return {'loss_confusion': torch.stack(terms).sum()}


def _usual_blocks(shapes: Sequence[BlockShape]) -> list[int]:
    """Number the first block, those that widen and the last."""
    return [
        number
        for number, shape in enumerate(shapes, 1)
        if number in (1, len(shapes)) or shape.out_channels != shape.in_channels
    ][-len(_DEPTH_WEIGHTS) :]
