from collections.abc import Collection
from typing import Any

import torch
from torch import Tensor, nn

from mmcl_ext.models.backbones.embedded_backbone import EmbeddedBackbone
from mmcl_ext.models.backbones.skeleton_backbone import BlockShape
from mmcl_ext.models.layers.hyper_graph_conv import HyperGraphConv
from mmcl_ext.models.layers.multi_scale_temporal_conv import MultiScaleTemporalConv
from mmcl_ext.models.losses.divergence import divergence
from mmcl_ext.registry import MODELS


@MODELS.register_module()
class HyperGCN(EmbeddedBackbone):
    """Graph convolution network along hyper-edges, with virtual joints, on a graph (S, V, V).

    Source: Hyper-GCN (arXiv 2411.14796), as released; the defaults are its base network,
    ``inflate_stages=(4, 7)`` the large one. Of the graph only the pairs of
    joints count that any subset joins. The third block of every three adds the output of the
    first to its input, the output of the second, where both have the same shape. In training the
    backbone brings a loss of its own, which keeps the virtual joints of a layer apart.

    Args:
        virtual_joints: Trained joints that every layer adds and joins to all others.
        heads: Parts of the channels, each with hyper-edges of its own.
        neighbours: Nodes of a hyper-edge.
        divergence_weight: Weight of ``loss_divergence``; 0 leaves it out.
        kwargs: Arguments of :class:`SkeletonBackbone`.
    """

    def __init__(
        self,
        graph_cfg: Any,
        *,
        virtual_joints: int = 3,
        heads: int = 8,
        neighbours: int = 9,
        divergence_weight: float = 1.0,
        base_channels: int = 128,
        num_stages: int = 9,
        inflate_stages: Collection[int] = (4,),
        down_stages: Collection[int] = (4, 7),
        **kwargs: Any,
    ) -> None:
        self.virtual_joints = virtual_joints
        self.heads = heads
        self.neighbours = neighbours
        super().__init__(
            graph_cfg,
            base_channels=base_channels,
            num_stages=num_stages,
            inflate_stages=inflate_stages,
            down_stages=down_stages,
            **kwargs,
        )
        self.divergence_weight = divergence_weight

    def stem(self, x: Tensor) -> Tensor:
        """Embed skeletons (N, M, T, V, C) as (N, M, T, V, C''), between -1 and 1."""
        return super().stem(x).tanh()

    def build_block(self, shape: BlockShape) -> nn.Module:
        """Build a hyper-graph convolution and a multi-scale temporal one."""
        gcn = HyperGraphConv(
            shape.in_channels,
            shape.out_channels,
            self.extended_bones(),
            virtual_joints=self.virtual_joints,
            neighbours=self.neighbours,
        )
        tcn = MultiScaleTemporalConv(
            shape.out_channels, shape.out_channels, stride=shape.stride, padding_mode='replicate'
        )
        return shape.block(gcn, tcn)

    def extended_bones(self) -> Tensor:
        """Return the pairs of joints and virtual joints, (S, U, U), of zeros and ones."""
        joints = self.graph.num_joints
        pairs = torch.eye(joints + self.virtual_joints)
        pairs[:joints, :joints] += self.subsets().abs().sum(0)
        pairs[:joints, joints:] = pairs[joints:, :joints] = 1
        return (pairs > 0).float().expand(self.heads, -1, -1)

    def encode(self, rows: Tensor) -> Tensor:
        """Map embedded persons (R, C'', V, T) to features (R, C', T', V)."""
        before = rows
        for stage, block in enumerate(self.blocks, start=1):
            closes = stage % 3 == 0 and rows.shape == before.shape
            before, rows = rows, block(rows + before if closes else rows)
        return rows.transpose(-1, -2)

    def own_losses(self, features: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the mean divergence of the layers' virtual joints, of whatever features."""
        if not self.divergence_weight or self.virtual_joints < 2:
            return {}
        blocks: Any = self.blocks
        terms = [divergence(block.gcn.virtual_joints) for block in blocks]
        return dict(loss_divergence=self.divergence_weight * torch.stack(terms).mean())
