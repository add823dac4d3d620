from typing import Any, Self

from mmaction.models.backbones.resnet3d_slowonly import ResNet3dSlowOnly
from torch import Tensor

from mmcl_ext.registry import MODELS


@MODELS.register_module()
class PoseC3D(ResNet3dSlowOnly):
    """MMAction2's SlowOnly network in the shape of PoseC3D, with ``out_channels``.

    Source: Duan et al., "Revisiting skeleton-based action recognition", CVPR 2022. The
    defaults are those of MMAction2's configuration for COCO's 17 joints, other arguments those of
    its ``ResNet3dSlowOnly``. Shape: heat maps (N, J, T, H, W) to (N, C', T', H', W'), one channel
    J per joint or limb; so the head is :class:`~mmcl_ext.models.heads.heatmap_head.HeatmapHead`.
    """

    def __init__(
        self,
        in_channels: int = 17,
        *,
        base_channels: int = 32,
        stage_blocks: tuple[int, ...] = (4, 6, 3),
        temporal_strides: tuple[int, ...] = (1, 1, 2),
        inflate: tuple[int, ...] = (0, 1, 1),
        **kwargs: Any,
    ) -> None:
        num_stages = len(stage_blocks)
        fixed = dict(
            depth=50,
            num_stages=num_stages,
            out_indices=(num_stages - 1,),
            conv1_stride_s=1,
            pool1_stride_s=1,
            spatial_strides=(2,) * num_stages,
            dilations=(1,) * num_stages,
        )
        super().__init__(
            in_channels=in_channels,
            base_channels=base_channels,
            stage_blocks=stage_blocks,
            temporal_strides=temporal_strides,
            inflate=inflate,
            **{**fixed, **kwargs},
        )
        self.out_channels: int = self.feat_dim

    def forward(self, x: Tensor) -> Tensor:
        """Extract features; a ValueError if the joints differ from what was built."""
        if x.ndim != 5 or x.shape[1] != self.in_channels:
            raise ValueError(
                f'the backbone was built for heat maps (N, {self.in_channels}, T, H, W) '
                f'and received {tuple(x.shape)}'
            )
        return super().forward(x)

    def train(self, mode: bool = True) -> Self:
        """Set the mode and return the network, which MMAction2's class does not."""
        super().train(mode)
        return self
