import os
from pathlib import Path

from mmcl_ext.fileio.name_file import name_file


def read_lines(path: str | os.PathLike) -> list[str]:
    """Read the lines of a text in UTF-8, with or without the mark that Windows puts before it.

    Raises:
        OSError: It cannot be read.
        ValueError: It is no UTF-8; names the file.
    """
    data = Path(path).read_bytes()
    with name_file(path):
        return data.decode('utf-8-sig').splitlines()
