from typing import Any

from torch import Tensor, nn

from mmcl_ext.fileio.printable import counted
from mmcl_ext.mmcl.encoders.base import BaseImageEncoder
from mmcl_ext.registry import MODELS


@MODELS.register_module()
class TiledEncoder(BaseImageEncoder):
    """Encode the ``num_tiles`` tiles of a composite one by one; join features in time order."""

    def __init__(
        self,
        encoder: nn.Module | dict[str, Any],
        num_tiles: int = 5,
        frozen: bool = False,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(frozen=frozen, init_cfg=init_cfg)
        built: Any = MODELS.build(encoder) if isinstance(encoder, dict) else encoder
        self.encoder, self.num_tiles = built, num_tiles
        self.out_channels = num_tiles * int(built.out_channels)
        self.freeze_if_asked()

    def encode(self, image: Tensor) -> Tensor:
        """Encode and join: shape (N, 3, H, m W) to (N, m F)."""
        if image.shape[3] % self.num_tiles:
            raise ValueError(
                f'images have shape {tuple(image.shape)}, whose width does not split into '
                f'{counted(self.num_tiles, "tile")}'
            )
        tiles = image.unflatten(3, (self.num_tiles, -1)).movedim(3, 1)  # (N, m, 3, H, W)
        return self.encoder(tiles.flatten(0, 1)).unflatten(0, (-1, self.num_tiles)).flatten(1)
