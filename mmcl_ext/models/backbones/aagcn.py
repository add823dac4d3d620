from collections.abc import Callable
from functools import partial
from typing import Any

import mmaction.engine.model  # noqa: F401  registers the initialiser of the branches
import torch
from mmaction.models.backbones.aagcn import AAGCN as MMActionAAGCN  # noqa: N811
from mmengine.registry import DefaultScope
from torch import Tensor

from mmcl_ext.models.backbones.mmaction_graph import MMActionGraphBackbone
from mmcl_ext.registry import MODELS


@MODELS.register_module()
class AAGCN(MMActionGraphBackbone, MMActionAAGCN):
    """MMAction2's AAGCN on any registered graph, (S, V, V), see :class:`MMActionGraphBackbone`.

    Source: Shi et al., IEEE TIP 2020, arXiv 1912.06971. 2s-AGCN (CVPR 2019, arXiv
    1805.07694) is the same class with ``gcn_attention=False``.
    """

    @property
    def infer_topology(self) -> Callable[[Tensor], Tensor] | None:
        """Infer the tanh attention of the last graph convolution, (R, S, 1, V, V)."""
        last: Any = self.gcn[-1]
        gcn = last.gcn
        return partial(_attention, gcn) if gcn.adaptive else None

    def init_weights(self) -> None:
        """Initialise as MMAction2 does, whatever the default scope."""
        # One of the initialisers is registered in MMAction2's scope only.
        with DefaultScope.overwrite_default_scope('mmaction'):
            super().init_weights()


def _attention(gcn: Any, x: Tensor) -> Tensor:
    """Of (R, C, T, V); the first V receives, where MMAction2 sums over the first one."""
    giving, taking = (
        torch.stack([conv(x).flatten(1, 2) for conv in convs], dim=1)  # (R, S, C * T, V)
        for convs in (gcn.conv_a, gcn.conv_b)
    )
    return torch.tanh(taking.transpose(-1, -2) @ giving / giving.shape[2]).unsqueeze(2)
