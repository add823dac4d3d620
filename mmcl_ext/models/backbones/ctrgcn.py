from typing import Any

from torch import nn

from mmcl_ext.models.backbones.skeleton_backbone import BlockShape, SkeletonBackbone
from mmcl_ext.models.layers.ctr_graph_conv import CTRGraphConv
from mmcl_ext.models.layers.multi_scale_temporal_conv import MultiScaleTemporalConv
from mmcl_ext.registry import MODELS


@MODELS.register_module()
class CTRGCN(SkeletonBackbone):
    """Channel-wise topology refinement graph convolution network on a graph (S, V, V).

    Source: Chen et al., ICCV 2021, arXiv 2107.12213. Equal to the authors' network, not to the
    variant of MMAction2's projects and PYSKL, which aggregates along the transposed topology and
    has a ReLU after the temporal branches (``relu_after_concat=True``); weights of either are
    converted by :mod:`mmcl_ext.checkpoints.families`. Other arguments: :class:`SkeletonBackbone`.
    """

    first_graph_conv: type[CTRGraphConv] = CTRGraphConv
    """Graph convolution of the first block."""

    first_residual = False
    """Whether the first block has a residual path."""

    def __init__(self, graph_cfg: Any, *, relu_after_concat: bool = False, **kwargs: Any) -> None:
        self.relu_after_concat = relu_after_concat
        super().__init__(graph_cfg, **kwargs)

    def build_block(self, shape: BlockShape) -> nn.Module:
        """Build a CTR-GC and a multi-scale temporal convolution; the first has no residual."""
        kind = CTRGraphConv if shape.stage > 1 else self.first_graph_conv
        gcn = kind(shape.in_channels, shape.out_channels, self.subsets())
        tcn = MultiScaleTemporalConv(
            shape.out_channels,
            shape.out_channels,
            stride=shape.stride,
            relu_after_concat=self.relu_after_concat,
        )
        return shape.block(gcn, tcn, residual=shape.stage > 1 or self.first_residual)
