import os

from mmengine.model import BaseModule
from torch import Tensor, nn

from mmcl_ext.mmcl.modules.widths import feature_width
from mmcl_ext.registry import MODELS


@MODELS.register_module()
class FAM(BaseModule):
    """Projection of the feature alignment module (Eq. 3 of arXiv 2407.15706).

    Two linear layers with a ReLU between them bring an image feature to the width
    of the pooled skeleton feature.

    Args:
        in_channels: Width F of the image feature, or a feature file that tells
            it. The co-learning branch fills it in from its image encoder.
        out_channels: Width C' of the skeleton feature. The recognizer fills it in.
        hidden_channels: Width between the two layers; None for ``out_channels``.
        init_cfg: Initialisation of MMEngine; None for PyTorch's.

    Raises:
        FileNotFoundError: ``in_channels`` names a file that is not there.
    """

    def __init__(
        self,
        in_channels: int | str | os.PathLike,
        out_channels: int,
        hidden_channels: int | None = None,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        self.in_channels = feature_width(in_channels, 'in_channels')
        self.out_channels = out_channels
        hidden_channels = out_channels if hidden_channels is None else hidden_channels
        self.layers = nn.Sequential(
            nn.Linear(self.in_channels, hidden_channels),
            nn.ReLU(inplace=True),
            nn.Linear(hidden_channels, out_channels),
        )

    def forward(self, image: Tensor) -> Tensor:
        """Project image features (N, F) to (N, C')."""
        projected: Tensor = self.layers(image)
        return projected
