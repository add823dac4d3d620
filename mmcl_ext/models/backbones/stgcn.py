from typing import Any

from mmaction.models.backbones.stgcn import STGCN as MMActionSTGCN  # noqa: N811

from mmcl_ext.models.backbones.mmaction_graph import MMActionGraphBackbone
from mmcl_ext.registry import MODELS


@MODELS.register_module()
class STGCN(MMActionGraphBackbone, MMActionSTGCN):
    """MMAction2's ST-GCN on any registered graph, (S, V, V), see :class:`MMActionGraphBackbone`.

    Source: Yan et al., AAAI 2018, arXiv 1801.07455. ST-GCN++ (Duan et al., ACM MM
    2022, arXiv 2205.09443) is the same class with ``gcn_adaptive='init',
    gcn_with_res=True, tcn_type='mstcn'``. ``data_bn_type`` is ``'VC'`` to normalise the input per
    joint and coordinate, for any number of persons, or ``'MVC'`` to do so per person slot.
    """

    def __init__(
        self, graph_cfg: Any, data_bn_type: str = 'VC', num_person: int = 2, **kwargs: Any
    ) -> None:
        super().__init__(graph_cfg, data_bn_type=data_bn_type, num_person=num_person, **kwargs)
        self.num_person = num_person
