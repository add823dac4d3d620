from typing import Any

from torch import nn

from mmcl_ext.models.backbones.skeleton_backbone import BlockShape, SkeletonBackbone
from mmcl_ext.models.backbones.skeleton_input import initial_topology
from mmcl_ext.models.layers.static_graph_conv import StaticGraphConv
from mmcl_ext.models.layers.temporal_conv import TemporalConv
from mmcl_ext.registry import MODELS


@MODELS.register_module()
class CTRSGCN(SkeletonBackbone):
    """Graph convolution network with static, trained topologies on a graph (S, V, V).

    Source: the baseline of Chen et al., ICCV 2021, arXiv 2107.12213, as released. What the S
    topologies start from: :func:`initial_topology`. Other arguments: :class:`SkeletonBackbone`.
    """

    def __init__(self, graph_cfg: Any, *, topology: str = 'auto', **kwargs: Any) -> None:
        self.topology = topology
        super().__init__(graph_cfg, **kwargs)

    def build_block(self, shape: BlockShape) -> nn.Module:
        """Build a static graph convolution and a temporal one; the first has no residual."""
        initial = initial_topology(self.subsets(), self.topology, self.graph)
        gcn = StaticGraphConv(shape.in_channels, shape.out_channels, initial)
        tcn = TemporalConv(shape.out_channels, shape.out_channels, stride=shape.stride)
        return shape.block(gcn, tcn, residual=shape.stage > 1)
