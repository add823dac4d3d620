from abc import ABCMeta, abstractmethod
from collections.abc import Collection, Iterator
from typing import Any

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from mmcl_ext.models.backbones.per_person import BlockShape, PerPersonBackbone
from mmcl_ext.models.backbones.skeleton_input import (
    adjacency_subsets,
    build_graph,
    check_skeleton,
)


class SkeletonBackbone(PerPersonBackbone, BaseModule, metaclass=ABCMeta):
    """Normalised skeletons through a chain of blocks on (N*M, C, V, T).

    Shape: (N, M, T, V, C) to (N, M, C', T', V). A subclass builds one block per stage in
    :meth:`build_block`. The input is normalised per person slot, joint and coordinate, or, where
    the class says so, alike for all persons, whose number is then free. In evaluation, empty
    person slots cost nothing, see :class:`PerPersonBackbone`.

    Args:
        graph_cfg: Configuration of a registered graph, or a built one.
        in_channels: Coordinates per joint.
        base_channels: Channels of the first stage.
        num_person: Person slots M of the input; without a normalisation per slot, the usual M.
        inflate_stages: Stages, counted from 1, that double the channels.
        down_stages: Stages, counted from 1, that halve the frames.
        kwargs: ``fast_training`` of :class:`PerPersonBackbone`, and ``init_cfg`` of MMEngine.
    """

    norm_per_slot: bool = True
    """Whether each person slot has an input normalisation of its own."""
    frames_last = True

    def __init__(
        self,
        graph_cfg: Any,
        in_channels: int = 3,
        base_channels: int = 64,
        num_person: int = 2,
        num_stages: int = 10,
        inflate_stages: Collection[int] = (5, 8),
        down_stages: Collection[int] = (5, 8),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.graph = build_graph(graph_cfg)
        self.in_channels = in_channels
        self.base_channels = base_channels
        self.num_person = num_person
        self.num_stages = num_stages
        self.inflate_stages = tuple(inflate_stages)
        self.down_stages = tuple(down_stages)
        shapes = list(self.block_shapes())
        self.out_channels = shapes[-1].out_channels
        slots = num_person if self.norm_per_slot else 1
        self.data_bn = nn.BatchNorm1d(slots * self.graph.num_joints * self.stem_channels)
        self.blocks = nn.ModuleList(self.build_block(shape) for shape in shapes)

    @property
    def block_modules(self) -> nn.ModuleList:
        """The chain of blocks."""
        return self.blocks

    @property
    def stem_channels(self) -> int:
        """Channels that enter the first block."""
        return self.in_channels

    def stem(self, x: Tensor) -> Tensor:
        """Prepare skeletons (N, M, T, V, C) for the normalisation: (N, M, T, V, C'')."""
        return x

    def block_shapes(self) -> Iterator[BlockShape]:
        """Yield the place of every block; ``stage`` counts from 1."""
        width, channels = self.stem_channels, self.base_channels
        for stage in range(1, self.num_stages + 1):
            channels *= 2 if stage in self.inflate_stages else 1
            yield BlockShape(stage, width, channels, 2 if stage in self.down_stages else 1)
            width = channels

    @abstractmethod
    def build_block(self, shape: BlockShape) -> nn.Module:
        """Build a block that maps (N, C, V, T) to (N, C', V, T')."""

    def forward(self, x: Tensor) -> Tensor:
        """Map skeletons to features (N, M, C', T', V) with T' innermost in memory."""
        persons = self.num_person if self.norm_per_slot else None
        check_skeleton(x, persons, self.graph.num_joints, self.in_channels)
        return self.extract(x)

    def encode(self, rows: Tensor) -> Tensor:
        """Map embedded persons (R, C'', V, T) to features (R, C', T', V)."""
        for block in self.blocks:
            rows = block(rows)
        return rows.transpose(-1, -2)

    def normalize_input(self, x: Tensor) -> Tensor:
        """Normalise skeletons (N, M, T, V, C) and return them as (N*M, C'', V, T)."""
        x = self.stem(x)
        n, persons, frames, joints, channels = x.shape
        x = x.permute(0, 1, 3, 4, 2).reshape(-1, self.data_bn.num_features, frames)
        x = self.data_bn(x).view(n * persons, joints, channels, frames)
        return x.transpose(1, 2).contiguous()

    def subsets(self) -> Tensor:
        """Return the adjacency, see :func:`adjacency_subsets`."""
        return torch.from_numpy(adjacency_subsets(self.graph, type(self).__name__))
