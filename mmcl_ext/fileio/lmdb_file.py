"""LMDB databases of strangers."""

import os
import struct
from pathlib import Path

from mmcl_ext.fileio.name_file import DAMAGE, name_file

_MAGIC = 0xBEEFC0DE
_META = struct.Struct('<IIQQI92xQ')
"""Magic, version, address, size of the map; size of a page; at last the number of the last page."""
_PAGE_HEADER = 16


def check_lmdb(path: str | os.PathLike) -> None:
    """Refuse a database whose file is shorter than its pages.

    LMDB maps the file into memory, and reading a page that is not there ends the process.

    Args:
        path: The folder of ``data.mdb``, or the file itself.

    Raises:
        FileNotFoundError: There is none.
        ValueError: It is no LMDB database, or one that was cut short.
    """
    file = Path(path, 'data.mdb') if os.path.isdir(path) else Path(path)
    with name_file(path, DAMAGE), file.open('rb') as opened:
        page, last = _read_meta(opened.read(_PAGE_HEADER + _META.size))
        opened.seek(page)
        last = max(last, _read_meta(opened.read(_PAGE_HEADER + _META.size))[1])
        size = opened.seek(0, os.SEEK_END)
        if size < (last + 1) * page:
            raise ValueError(f'cut short: {size} bytes, its pages take {(last + 1) * page}')


def _read_meta(head: bytes) -> tuple[int, int]:
    """Return the size of a page, and the number of the last one, that a head page tells."""
    magic, *_, page, last = _META.unpack_from(head, _PAGE_HEADER)
    if magic != _MAGIC or not 512 <= page <= 65536:
        raise ValueError('not an LMDB database')
    return page, last
