import itertools

import numpy as np
import torch
from torch import Tensor, nn

from mmcl_ext.models.backbones.skeleton_backbone import BlockShape, SkeletonBackbone
from mmcl_ext.models.layers.hierarchy_graph_conv import HierarchyGraphConv
from mmcl_ext.models.layers.multi_scale_temporal_conv import MultiScaleTemporalConv
from mmcl_ext.registry import MODELS


@MODELS.register_module()
class HDGCN(SkeletonBackbone):
    """Hierarchically decomposed graph convolution network, on an ``HDGraph`` with ``flatten=None``.

    Source: Lee et al., ICCV 2023, arXiv 2208.10741. Its edge convolutions choose nearest
    neighbours in feature space: rounding can change a choice, and with it a float32 output
    by more than rounding. Other arguments: :class:`SkeletonBackbone`.
    """

    def build_block(self, shape: BlockShape) -> nn.Module:
        """Build a hierarchy's graph convolution and a multi-scale temporal convolution."""
        adjacency, levels = self.hierarchy()
        first = shape.stage == 1  # sums its levels plainly and has no residual
        gcn = HierarchyGraphConv(
            shape.in_channels, shape.out_channels, adjacency, None if first else levels
        )
        tcn = MultiScaleTemporalConv(shape.out_channels, shape.out_channels, stride=shape.stride)
        return shape.block(gcn, tcn, residual=not first)

    def hierarchy(self) -> tuple[Tensor, list[list[int]]]:
        """Return the adjacency (L, S, V, V) and the joints of each level, counted from 0."""
        adjacency = np.array(self.graph.A, dtype=np.float32)
        if adjacency.ndim != 4:
            raise ValueError(
                f'HDGCN takes an HDGraph with flatten=None, (L, S, V, V); '
                f'{self.graph!r} has {adjacency.shape}'
            )
        levels = [
            [joint - 1 for joint in (*inner, *outer)]
            for inner, outer in itertools.pairwise(self.graph.groups)
        ]
        return torch.from_numpy(adjacency), levels
