"""ST-GCN and ST-GCN++."""

from typing import Any

from mmaction.models.backbones.stgcn import STGCN as MMActionSTGCN  # noqa: N811

from mmcl_ext.models.backbones.mmaction_graph import MMActionGraphBackbone
from mmcl_ext.registry import MODELS


@MODELS.register_module()
class STGCN(MMActionGraphBackbone, MMActionSTGCN):
    """MMAction2's ST-GCN on any registered graph, see :class:`MMActionGraphBackbone`.

    Source: Yan et al., AAAI 2018, arXiv 1801.07455. ST-GCN++ (Duan et al., ACM MM
    2022, arXiv 2205.09443) is the same class with ``gcn_adaptive='init',
    gcn_with_res=True, tcn_type='mstcn'``.

    Args:
        graph_cfg: Configuration of a registered graph, (S, V, V); any S.
        data_bn_type: ``'VC'`` or ``'MVC'``: the input is normalised per joint and
            coordinate, or per person slot, too.
        num_person: Person slots M; any number fits with ``'VC'``.
        kwargs: All other arguments of MMAction2's class.
    """

    def __init__(
        self, graph_cfg: Any, data_bn_type: str = 'VC', num_person: int = 2, **kwargs: Any
    ) -> None:
        super().__init__(graph_cfg, data_bn_type=data_bn_type, num_person=num_person, **kwargs)
        self.num_person = num_person
