"""Reading of ``.npy`` files."""

import io
import os
import warnings
from pathlib import Path

import numpy as np

from mmcl_ext.fileio.archive_file import ArchiveFile
from mmcl_ext.fileio.name_file import names_file


@names_file
def read_npy(source: str | os.PathLike | ArchiveFile) -> np.ndarray:
    """Read an array without unpickling.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no ``.npy`` file, is damaged, tells of more than it holds, or holds
            objects; names the file.
    """
    data = source.read() if isinstance(source, ArchiveFile) else Path(source).read_bytes()
    if not data.startswith(np.lib.format.MAGIC_PREFIX):  # numpy would take a ZIP archive as well
        raise ValueError(f'{source} is no .npy file')
    with warnings.catch_warnings(action='ignore', category=UserWarning):  # headers of Python 2
        return np.load(io.BytesIO(data), allow_pickle=False)
