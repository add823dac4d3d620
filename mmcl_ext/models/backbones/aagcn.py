import mmaction.engine.model  # noqa: F401  registers the initialiser of the branches
from mmaction.models.backbones.aagcn import AAGCN as MMActionAAGCN  # noqa: N811
from mmengine.registry import DefaultScope

from mmcl_ext.models.backbones.mmaction_graph import MMActionGraphBackbone
from mmcl_ext.registry import MODELS


@MODELS.register_module()
class AAGCN(MMActionGraphBackbone, MMActionAAGCN):
    """MMAction2's AAGCN on any registered graph, (S, V, V), see :class:`MMActionGraphBackbone`.

    Source: Shi et al., IEEE TIP 2020, arXiv 1912.06971. 2s-AGCN (CVPR 2019, arXiv
    1805.07694) is the same class with ``gcn_attention=False``.
    """

    def init_weights(self) -> None:
        """Initialise as MMAction2 does, whatever the default scope."""
        # One of the initialisers is registered in MMAction2's scope only.
        with DefaultScope.overwrite_default_scope('mmaction'):
            super().init_weights()
