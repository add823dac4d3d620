import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from mmcl_ext.fileio.file_name import sample_file
from mmcl_ext.fileio.read_npy import read_npy
from mmcl_ext.preparation.extraction.sharding import SampleFeatures
from mmcl_ext.registry import TEXT_SOURCES


@TEXT_SOURCES.register_module()
class NpyFeatures:
    """Features that exist already, one ``<sample name>.npy`` each.

    The reference implementation's scripts for BLIP, MiniGPT-4, DeepSeek-VL and GLM-4V write such
    files: generated token ids, int64 of shape (1, L). Other integer or float vectors are taken,
    too. Integers of different lengths are padded on the right; floats (``integer=False``) have to
    agree.
    """

    def __init__(self, folder: str | os.PathLike, pad: int = 0, integer: bool = True) -> None:
        self.folder, self.pad, self.integer = Path(folder), pad, integer

    @property
    def names(self) -> list[str]:
        """Sample names of the folder, sorted; FileNotFoundError where there are none."""
        names = sorted(path.stem for path in self.folder.glob('*.npy'))
        if not names:
            raise FileNotFoundError(f'{self.folder} has no *.npy')
        return names

    @property
    def padding(self) -> Mapping[str, float | None]:
        """One output: ``token_ids``, or ``features`` for floats."""
        return {'token_ids': self.pad} if self.integer else {'features': None}

    @property
    def recipe(self) -> Mapping[str, object]:
        """What was imported and how it is padded."""
        return {'source': type(self).__name__, 'integer': self.integer, 'pad': self.pad}

    def load(self) -> None:
        """Nothing to load."""

    def read(self, name: str) -> np.ndarray:
        """Read a file without unpickling: (L,), int64 or float32."""
        path = sample_file(self.folder, name, '.npy')
        if not path.is_file():
            raise FileNotFoundError(f'features of sample {name!r} not found: {path}')
        array = read_npy(path)
        if array.size == 0 or array.size != max(array.shape, default=1):
            raise ValueError(f'{path} has shape {array.shape}, expected (L,) or (1, L)')
        if not np.issubdtype(array.dtype, np.integer if self.integer else np.floating):
            kind = 'integers' if self.integer else 'floats'
            raise ValueError(
                f'{path} holds {array.dtype}, expected {kind} (integer={self.integer})'
            )
        return array.reshape(-1).astype(np.int64 if self.integer else np.float32)

    def compute(self, items: Sequence[np.ndarray]) -> Sequence[SampleFeatures]:
        """Hand the arrays on."""
        (output,) = self.padding
        return [SampleFeatures({output: item}) for item in items]
