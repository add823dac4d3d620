from torch import nn

from mmcl_ext.models.backbones.skeleton_backbone import BlockShape, SkeletonBackbone
from mmcl_ext.models.layers.dynamic_graph_conv import DynamicGraphConv
from mmcl_ext.models.layers.dynamic_temporal_conv import DynamicTemporalConv
from mmcl_ext.models.layers.initialization import init_default
from mmcl_ext.registry import MODELS


@MODELS.register_module()
class DGSTGCN(SkeletonBackbone):
    """Dynamic group spatio-temporal graph convolution network on a graph (S, V, V).

    Source: Duan et al., arXiv 2210.05895, as released in PYSKL: on the graph
    ``mode='random'`` of eight subsets, with one input normalisation for all persons. With
    ``base_channels=96`` it is what ProtoGCN (CVPR 2025) and ACLNet deploy. Other arguments:
    :class:`SkeletonBackbone`.
    """

    norm_per_slot = False

    def build_block(self, shape: BlockShape) -> nn.Module:
        """Build both dynamic convolutions; the first block has no residual."""
        gcn = DynamicGraphConv(shape.in_channels, shape.out_channels, self.subsets())
        tcn = DynamicTemporalConv(shape.out_channels, self.graph.num_joints, shape.stride)
        block = shape.block(gcn, tcn, residual=shape.stage > 1)
        return init_default(block)
