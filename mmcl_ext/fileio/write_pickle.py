"""Writing of pickles that are whole or absent."""

import os
import pickle
from typing import Any

from mmcl_ext.fileio.atomic_file import atomic_file


def write_pickle(path: str | os.PathLike, content: Any) -> None:
    """Write a pickle that appears under its name only when it is whole.

    Args:
        path: File to write; missing folders are created.
        content: What to write.

    Raises:
        OSError: It cannot be written; an older file of that name is left as it was.
    """
    with atomic_file(path) as file:
        pickle.dump(content, file, protocol=4)
