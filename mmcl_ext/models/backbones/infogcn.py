from typing import Any

import torch
from torch import Tensor, nn

from mmcl_ext.models.backbones.embedded_backbone import EmbeddedBackbone
from mmcl_ext.models.backbones.skeleton_backbone import BlockShape
from mmcl_ext.models.backbones.skeleton_input import initial_topology
from mmcl_ext.models.layers.attention_graph_conv import AttentionGraphConv
from mmcl_ext.models.layers.joint_differences import joint_differences
from mmcl_ext.models.layers.multi_scale_temporal_conv import MultiScaleTemporalConv
from mmcl_ext.registry import MODELS

# The authors' trees start at the middle of the spine (NTU) and at the shoulders (NW-UCLA,
# whose bones they direct the other way round).
_PUBLISHED_ROOTS = {'nturgb+d': 1, 'nturgb+d-ctrgcn': 1}
_PUBLISHED_DESCENDANTS = ('kinect_v1',)


@MODELS.register_module()
class InfoGCN(EmbeddedBackbone):
    """Graph convolution network with attention over joints and a modality representation.

    Source: Chi et al., "InfoGCN", CVPR 2022. The information bottleneck behind it is
    :class:`~mmcl_ext.models.heads.infogcn_head.InfoGCNHead`.

    At its published initial values the attention is almost one-hot: the network is
    ill-conditioned, and softmax leaves denormal numbers, which make a CPU more than ten
    times slower unless ``torch.set_flush_denormal(True)``.

    Args:
        graph_cfg: A registered graph, (S, V, V), with one head per subset; its layout gives the
            tree of bones.
        k: Modality: each joint relative to its k-th ancestor. 1 is the bones; from the
            depth of the tree on (8 around NTU's joint 2), the joints themselves.
        root: Root of the tree, counted from 0. None: the authors' choice, else the layout's centre.
        descendants: Whether the sum of the k-th descendants is subtracted instead.
            None: as the authors do, for ``kinect_v1`` only.
        topology: What the shared topologies start from, see :func:`initial_topology`.
    """

    differences: Tensor

    def __init__(
        self,
        graph_cfg: Any,
        *,
        k: int = 1,
        root: int | None = None,
        descendants: bool | None = None,
        topology: str = 'auto',
        num_stages: int = 9,
        inflate_stages: tuple[int, ...] = (4, 7),
        down_stages: tuple[int, ...] = (4, 7),
        **kwargs: Any,
    ) -> None:
        self.topology = topology
        super().__init__(
            graph_cfg,
            num_stages=num_stages,
            inflate_stages=inflate_stages,
            down_stages=down_stages,
            **kwargs,
        )
        self.k = k
        layout = self.graph.layout
        if root is None:
            root = _PUBLISHED_ROOTS.get(layout.name, layout.center)
        if descendants is None:
            descendants = layout.name in _PUBLISHED_DESCENDANTS
        matrix = joint_differences(
            layout.edges, layout.num_joints, k, root=root, descendants=descendants
        )
        self.register_buffer('differences', torch.from_numpy(matrix), persistent=False)

    def stem(self, x: Tensor) -> Tensor:
        """Turn skeletons (N, M, T, V, C) into embedded differences (N, M, T, V, C'')."""
        return super().stem(self.differences @ x)

    def build_block(self, shape: BlockShape) -> nn.Module:
        """Build an attention graph convolution and a multi-scale temporal one."""
        initial = initial_topology(self.subsets(), self.topology, self.graph)
        tcn = MultiScaleTemporalConv(
            shape.out_channels,
            shape.out_channels,
            stride=shape.stride,
            relu_after_concat=True,
            init='default',
        )
        return shape.block(AttentionGraphConv(shape.in_channels, shape.out_channels, initial), tcn)
