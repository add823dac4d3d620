from collections.abc import Collection
from typing import Any

import numpy as np
import torch
from scipy.sparse.csgraph import shortest_path
from torch import Tensor, nn

from mmcl_ext.models.backbones.embedded_backbone import EmbeddedBackbone
from mmcl_ext.models.backbones.skeleton_backbone import BlockShape
from mmcl_ext.models.layers.block_graph_conv import BlockGraphConv
from mmcl_ext.models.layers.multi_scale_temporal_conv import MultiScaleTemporalConv
from mmcl_ext.models.layers.skeleton_topology import SkeletonTopology
from mmcl_ext.registry import MODELS


@MODELS.register_module()
class BlockGCN(EmbeddedBackbone):
    """Graph convolution network in blocks of channels, told of distances and topology.

    Source: Zhou et al., CVPR 2024, on a graph (S, V, V), of which only the pairs of joints count
    that any subset joins. Differs from the released code where that lets a clip's answer depend
    on the rest of its batch: distances are scaled per clip, all persons get their own clip's
    topology, and joints at one place are defined, see :class:`SkeletonTopology`.

    With the topology, which is the clip's, a person's feature depends on the other persons:
    empty persons are then computed like others.

    Args:
        topology: Whether each block's input gets a projection of :class:`SkeletonTopology`.
        joint_channels: How many of ``in_channels``, the last ones, are the coordinates that the
            topology reads, where the others are bones or motion. 0: it reads what the network does.
        heads: Blocks of channels.
        kwargs: Arguments of :class:`SkeletonBackbone`.
    """

    def __init__(
        self,
        graph_cfg: Any,
        *,
        topology: bool = True,
        joint_channels: int = 0,
        heads: int = 8,
        base_channels: int = 128,
        inflate_stages: Collection[int] = (5,),
        **kwargs: Any,
    ) -> None:
        self.joint_channels = joint_channels
        self.heads = heads
        super().__init__(
            graph_cfg, base_channels=base_channels, inflate_stages=inflate_stages, **kwargs
        )
        if joint_channels and not (topology and 0 < joint_channels < self.in_channels):
            raise ValueError(
                f'joint_channels={joint_channels} of in_channels={self.in_channels} for the '
                f'topology leave none to the network, or there is no topology ({topology=})'
            )
        self.works_per_person = not topology
        self.topology = SkeletonTopology() if topology else None
        widths = [shape.in_channels for shape in self.block_shapes()] if topology else []
        self.topology_layers = nn.ModuleList(
            nn.Sequential(nn.Linear(64, width), nn.BatchNorm1d(width), nn.ReLU())
            for width in widths
        )

    @property
    def embedded_channels(self) -> int:
        """Coordinates of a joint that are embedded."""
        return self.in_channels - self.joint_channels

    def stem(self, x: Tensor) -> Tensor:
        """Embed the network's part of skeletons (N, M, T, V, C) as (N, M, T, V, C'')."""
        return super().stem(x[..., : self.embedded_channels])

    def build_block(self, shape: BlockShape) -> nn.Module:
        """Build a graph convolution in blocks and a multi-scale temporal one."""
        gcn = BlockGraphConv(shape.in_channels, shape.out_channels, self.hops(), heads=self.heads)
        tcn = MultiScaleTemporalConv(shape.out_channels, shape.out_channels, stride=shape.stride)
        return shape.block(gcn, tcn)

    def hops(self) -> Tensor:
        """Count the edges between every two joints (V, V); 0 where there is no way."""
        joined = self.subsets().abs().sum(0).numpy()
        hops = shortest_path(joined, directed=False, unweighted=True)
        return torch.from_numpy(np.where(np.isinf(hops), 0, hops)).long()

    def extract(self, x: Tensor) -> Tensor:
        """Map skeletons (N, M, T, V, C) to features (N, M, C', T', V)."""
        if self.topology is None:
            return super().extract(x)
        if not torch.compiler.is_compiling():
            self._prepare_training(x)
        vectors = self.topology(x[..., -self.joint_channels :])
        vectors = vectors.repeat_interleave(x.shape[1], dim=0)
        rows = self.normalize_input(x)
        for block, layer in zip(self.blocks, self.topology_layers, strict=True):
            rows = block(rows + layer(vectors)[..., None, None])
        return rows.transpose(-1, -2).unflatten(0, x.shape[:2])
