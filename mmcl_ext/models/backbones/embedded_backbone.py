from typing import Any

import torch
from torch import Tensor, nn

from mmcl_ext.models.backbones.skeleton_backbone import SkeletonBackbone


class EmbeddedBackbone(SkeletonBackbone):
    """A chain of blocks behind a linear embedding of joints, each with a trained position.

    The embedding has ``base_channels``, and comes before the normalisation. Arguments:
    :class:`SkeletonBackbone`.
    """

    def __init__(self, graph_cfg: Any, **kwargs: Any) -> None:
        super().__init__(graph_cfg, **kwargs)
        self.joint_embedding = nn.Linear(self.embedded_channels, self.base_channels)
        self.position = nn.Parameter(torch.randn(1, self.graph.num_joints, self.base_channels))

    @property
    def embedded_channels(self) -> int:
        """Coordinates of a joint that are embedded."""
        return self.in_channels

    @property
    def stem_channels(self) -> int:
        """Channels after the joint embedding."""
        return self.base_channels

    def stem(self, x: Tensor) -> Tensor:
        """Embed skeletons (N, M, T, V, C) as (N, M, T, V, C'')."""
        return self.joint_embedding(x) + self.position
