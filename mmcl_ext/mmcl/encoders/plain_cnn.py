from collections.abc import Sequence

from torch import Tensor, nn

from mmcl_ext.mmcl.encoders.base import BaseImageEncoder
from mmcl_ext.registry import MODELS


@MODELS.register_module()
class PlainCNN(BaseImageEncoder):
    """A few strided convolutions, trained from random weights within minutes on a CPU.

    For small images and small data: the demonstration and tests. Deep networks without
    pretrained weights learn too slowly there to align anything.

    Args:
        channels: Widths of the 3 x 3 convolutions; each halves height and width and is
            followed by batch norm and ReLU. The last one is the width F of the feature.
        frozen: See :class:`BaseImageEncoder`, as ``init_cfg``.

    Raises:
        ValueError: There are no layers.
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
        self.layers = nn.Sequential(*(_conv(before, after) for before, after in pairs))
        self.freeze_if_asked()

    def encode(self, image: Tensor) -> Tensor:
        """Run the layers and average over positions: shape (N, 3, H, W) to (N, F)."""
        x: Tensor = self.layers(image)
        return x.mean(dim=(2, 3))


def _conv(in_channels: int, out_channels: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )
