from collections.abc import Sequence

from torch import Tensor, nn

from mmcl_ext.mmcl.encoders.base import BaseImageEncoder
from mmcl_ext.registry import MODELS


@MODELS.register_module()
class PlainCNN(BaseImageEncoder):
    """A few strided convolutions, trained from random weights within minutes on a CPU.

    For small images and small data: the demonstration and tests. Deep networks without pretrained
    weights learn too slowly there to align anything. ``channels`` are the widths of the 3 x 3
    convolutions, each of which halves height and width and is followed by batch norm and ReLU; the
    last one is the width F of the feature.
    """

    def __init__(
        self,
        channels: Sequence[int] = (16, 32, 64, 128),
        frozen: bool = False,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(frozen=frozen, init_cfg=init_cfg)
        if not channels:
            raise ValueError(f'channels is {channels!r}, expected at least one width')
        self.out_channels = channels[-1]
        pairs = zip((3, *channels[:-1]), channels, strict=True)
        self.layers = nn.Sequential(
            *(
                nn.Sequential(
                    nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False),
                    nn.BatchNorm2d(after),
                    nn.ReLU(inplace=True),
                )
                for before, after in pairs
            )
        )
        self.freeze_if_asked()

    def encode(self, image: Tensor) -> Tensor:
        """Run the layers and average over positions: shape (N, 3, H, W) to (N, F)."""
        return self.layers(image).mean(dim=(2, 3))
