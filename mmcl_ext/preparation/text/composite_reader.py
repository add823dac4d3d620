import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mmengine.fileio import get_file_backend, join_path


class CompositeReader:
    """Reads composite images at the size they have, as a model's own processor wants them."""

    def __init__(
        self,
        folder: str | os.PathLike,
        suffix: str = '.jpg',
        backend_args: Mapping[str, Any] | None = None,
    ) -> None:
        self.folder, self.suffix = os.fspath(folder), suffix
        self.backend_args = None if backend_args is None else dict(backend_args)

    @property
    def names(self) -> list[str]:
        """Sample names of a folder, sorted; FileNotFoundError where there are none."""
        found = sorted(Path(self.folder).glob(f'*{self.suffix}'))
        names = [path.name.removesuffix(self.suffix) for path in found if path.name[0] != '.']
        if not names:
            raise FileNotFoundError(f'{self.folder} has no *{self.suffix}')
        return names

    @property
    def recipe(self) -> object:
        """What made the images, as their folder says; None where it says nothing."""
        file = Path(self.folder, 'recipe.json')
        return json.loads(file.read_text()) if file.is_file() else None

    def read(self, name: str) -> np.ndarray:
        """Read and decode an image: uint8 RGB (H, W, 3).

        Raises:
            FileNotFoundError: There is no image of this sample.
            ValueError: The file is no image.
        """
        path = f'{name}{self.suffix}'
        path = join_path(self.folder, path, backend_args=None) if self.folder else path
        backend = get_file_backend(path, backend_args=self.backend_args, enable_singleton=True)
        try:
            data = backend.get(path)
        except FileNotFoundError:
            data = None
        if data is None:
            raise FileNotFoundError(f'image of sample {name!r} not found: {path}')
        buffer = np.frombuffer(data, np.uint8)
        image = cv2.imdecode(buffer, cv2.IMREAD_COLOR) if len(buffer) else None
        if image is None:
            raise ValueError(f'image of sample {name!r} cannot be decoded: {path}')
        return np.ascontiguousarray(image[:, :, ::-1])
