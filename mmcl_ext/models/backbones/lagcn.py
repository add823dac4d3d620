from collections.abc import Collection
from typing import Any

from mmcl_ext.models.backbones.ctrgcn import CTRGCN
from mmcl_ext.models.backbones.embedded_backbone import EmbeddedBackbone
from mmcl_ext.models.layers.khop_graph_conv import KHopGraphConv
from mmcl_ext.registry import MODELS


@MODELS.register_module()
class LAGCN(EmbeddedBackbone, CTRGCN):
    """The network of LA-GCN: CTR-GCN behind a joint embedding, whose first layer sees four hops.

    Source: Xu et al., arXiv 2305.12398, as released, without what only its training has, logits
    from language. Arguments: :class:`CTRGCN`.
    """

    first_graph_conv = KHopGraphConv
    first_residual = True

    def __init__(
        self,
        graph_cfg: Any,
        *,
        num_stages: int = 9,
        inflate_stages: Collection[int] = (4, 7),
        down_stages: Collection[int] = (4, 7),
        **kwargs: Any,
    ) -> None:
        super().__init__(
            graph_cfg,
            num_stages=num_stages,
            inflate_stages=inflate_stages,
            down_stages=down_stages,
            **kwargs,
        )
