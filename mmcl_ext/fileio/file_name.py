import os
import re
import unicodedata
from pathlib import Path, PurePosixPath

from mmcl_ext.fileio.printable import bounded_repr

_MOST_BYTES = 200  # file systems allow 255, the ending included


def file_name(name: str, taken: set[str]) -> str:
    """Turn a sample's name into a harmless file's, another one each time, added to ``taken``.

    Names that differ in case or in their Unicode form alone get different files, for some file
    systems do not tell them apart.
    """
    plain = re.sub(r'[^\w.+-]+', '_', name[:1000]).strip('._').encode()[:_MOST_BYTES]
    stem = plain.decode(errors='ignore') or 'clip'
    unique, number = stem, 2
    while _compared(unique) in taken:
        unique, number = f'{stem}_{number}', number + 1
    taken.add(_compared(unique))
    return unique


def sample_file(folder: str | os.PathLike, name: str, suffix: str) -> Path:
    """Return the path of a sample's file below a folder.

    A ValueError if the name leads out of the folder, or cannot be that of a file.
    """
    path = PurePosixPath(name)
    if not name or path.is_absolute() or '..' in path.parts or not name.isprintable():
        raise ValueError(f'sample name {bounded_repr(name)} cannot be that of a file in {folder}')
    return Path(folder, f'{name}{suffix}')


def _compared(name: str) -> str:
    return unicodedata.normalize('NFC', name).casefold()
