import types
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mmcl_ext.models.backbones.per_person import BlockShape, PerPersonBackbone
from mmcl_ext.models.backbones.skeleton_input import adjacency_subsets, build_graph, check_skeleton


class _Partition(dict):
    """A layout with its own adjacency: MMAction2 calls its attribute that ``mode`` names."""

    def __init__(self, adjacency: np.ndarray) -> None:
        super().__init__(num_node=adjacency.shape[-1], inward=[], center=0)
        self.adjacency = adjacency

    def __call__(self) -> np.ndarray:
        return self.adjacency


def mmaction_graph_cfg(graph: Any, backbone: str) -> dict[str, Any]:
    """Describe a graph of ours, (S, V, V), to MMAction2, which sums over the first joint axis."""
    adjacency = adjacency_subsets(graph, backbone).transpose(0, 2, 1)
    return dict(layout=_Partition(np.ascontiguousarray(adjacency)), mode='layout')


class MMActionGraphBackbone(PerPersonBackbone):
    """MMAction2's ST-GCN and AAGCN on any registered graph.

    On the graphs of MMAction2 each is MMAction2's network, bit for bit (in training without
    ``fast_training``, which rounds in another way), with the same parameter names.
    Shape: (N, M, T, V, C) to (N, M, C', T', V).
    """

    data_bn: nn.Module
    data_bn_type: str
    gcn: nn.ModuleList
    in_channels: int
    num_person: int

    def __init__(self, graph_cfg: Any, **kwargs: Any) -> None:
        graph = build_graph(graph_cfg)
        super().__init__(mmaction_graph_cfg(graph, type(self).__name__), **kwargs)
        self.graph = graph
        last: Any = self.gcn[-1]
        self.out_channels: int = last.tcn.out_channels
        make_picklable(self)

    def forward(self, x: Tensor) -> Tensor:
        """Extract features, see :meth:`SkeletonBackbone.forward`."""
        persons = self.num_person if self.data_bn_type == 'MVC' else None
        check_skeleton(x, persons, self.graph.num_joints, self.in_channels)
        return self.extract(x)

    @property
    def block_modules(self) -> nn.ModuleList:
        """The chain of blocks."""
        return self.gcn

    def block_shapes(self) -> Iterator[BlockShape]:
        """Yield the place of every block; ``stage`` counts from 1."""
        width = self.in_channels
        for stage, block in enumerate(self.gcn, 1):
            tcn: Any = block.tcn
            convs = (m for m in tcn.modules() if isinstance(m, nn.Conv2d))
            stride = max(conv.stride[0] for conv in convs)
            yield BlockShape(stage, width, tcn.out_channels, stride)
            width = tcn.out_channels

    def normalize_input(self, x: Tensor) -> Tensor:
        """Normalise (N, M, T, V, C), with ``'MVC'`` per person slot, too; gives (N*M, C, T, V)."""
        n, persons, frames, joints, channels = x.shape
        x = x.permute(0, 1, 3, 4, 2).contiguous()  # (N, M, V, C, T)
        slots = self.data_bn_type == 'MVC'
        merged = x.flatten(1, 3) if slots else x.flatten(0, 1).flatten(1, 2)
        x = self.data_bn(merged).view(n * persons, joints, channels, frames)
        return x.permute(0, 2, 3, 1).contiguous()

    def encode(self, rows: Tensor) -> Tensor:
        """Map normalised persons (R, C, T, V) to features (R, C', T', V)."""
        for block in self.gcn:
            rows = block(rows)
        return rows


class _Zero(nn.Module):
    """The residual path of a block that has none."""

    def forward(self, x: Tensor) -> int:
        return 0


def make_picklable(network: nn.Module) -> None:
    """Replace the lambdas in a network of MMAction2 by modules without parameters."""
    probe = torch.zeros(1)
    for module in list(network.modules()):
        for name, value in list(vars(module).items()):
            if isinstance(value, types.LambdaType):
                setattr(module, name, nn.Identity() if value(probe) is probe else _Zero())
