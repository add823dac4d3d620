import math
from typing import Any

from torch import Tensor, nn

from mmcl_ext.models.heads.pooled_head import PooledHead
from mmcl_ext.registry import MODELS


@MODELS.register_module()
class GCNHead(PooledHead):
    """Mean over frames and joints, then over persons; dropout; linear classifier.

    Takes the place of MMAction2's head of the same name and has the same parameter,
    ``fc``. By default its weights are drawn from N(0, sqrt(2 / K)), as by the CTR-GCN
    authors. ``dropout`` is the probability of dropping a pooled channel.
    """

    def __init__(
        self, num_classes: int, in_channels: int, *, dropout: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(num_classes, in_channels, **kwargs)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(in_channels, num_classes)
        nn.init.normal_(self.fc.weight, 0.0, math.sqrt(2.0 / num_classes))

    def classify(self, embedding: Tensor) -> Tensor:
        """Map pooled features (N, C') to logits (N, K)."""
        return self.fc(self.dropout(embedding))
