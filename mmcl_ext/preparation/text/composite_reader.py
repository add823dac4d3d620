from pathlib import Path

import numpy as np

from mmcl_ext.fileio.read_json import read_json
from mmcl_ext.mmcl.transforms.load_composite_image import LoadCompositeImage


class CompositeReader(LoadCompositeImage):
    """Reads composite images at the size they have, as a model's own processor wants them."""

    @property
    def names(self) -> list[str]:
        """Sample names of a folder, sorted; FileNotFoundError where there are none."""
        found = sorted(Path(self.img_dir).glob(f'*{self.suffix}'))
        names = [path.name.removesuffix(self.suffix) for path in found if path.name[0] != '.']
        if not names:
            raise FileNotFoundError(f'{self.img_dir} has no *{self.suffix}')
        return names

    @property
    def recipe(self) -> object:
        """What made the images, as their folder says; None where it says nothing."""
        file = Path(self.img_dir, 'recipe.json')
        return read_json(file) if file.is_file() else None

    def read(self, name: str) -> np.ndarray:
        """Read and decode an image: uint8 RGB (H, W, 3)."""
        return np.ascontiguousarray(self.decode(name)[:, :, ::-1])
