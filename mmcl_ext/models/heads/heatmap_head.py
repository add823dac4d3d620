from typing import Any

from torch import Tensor, nn

from mmcl_ext.models.heads.pooled_head import PooledHead
from mmcl_ext.registry import MODELS


@MODELS.register_module()
class HeatmapHead(PooledHead):
    """Mean over frames, height and width; dropout; linear classifier.

    For 3D networks on heat maps of joints, as in PoseC3D (Duan et al., CVPR 2022). Takes
    the place of MMAction2's ``I3DHead``: same parameter ``fc_cls``, dropout and initial values.
    """

    def __init__(
        self, num_classes: int, in_channels: int, *, dropout: float = 0.5, **kwargs: Any
    ) -> None:
        super().__init__(num_classes, in_channels, **kwargs)
        self.dropout = nn.Dropout(dropout)
        self.fc_cls = nn.Linear(in_channels, num_classes)
        nn.init.normal_(self.fc_cls.weight, 0.0, 0.01)
        nn.init.zeros_(self.fc_cls.bias)

    def pool(self, feats: Tensor) -> Tensor:
        """Pool features (N, C', T', H', W') to (N, C')."""
        if feats.ndim != 5 or feats.shape[1] != self.in_channels:
            raise ValueError(
                f'the head was built for features (N, {self.in_channels}, T, H, W) '
                f'and received {tuple(feats.shape)}'
            )
        return feats.mean(dim=(2, 3, 4))

    def classify(self, embedding: Tensor) -> Tensor:
        """Map pooled features (N, C') to logits (N, K)."""
        return self.fc_cls(self.dropout(embedding))
