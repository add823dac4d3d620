"""LMDB databases of strangers."""

import os
import struct
from pathlib import Path
from typing import BinaryIO, NamedTuple

from mmcl_ext.fileio.name_file import DAMAGE, name_file

_MAGIC, _VERSION = 0xBEEFC0DE, 1
_HEADER = 16
"""Bytes at the beginning of a page: its number, what it is, and where its nodes lie."""
_PAGE = struct.Struct('<8xHHHH')
"""Padding, flags, end of the table of nodes, begin of the nodes."""
_META = struct.Struct('<16xIIQQ' + 2 * 'IHHQQQQQ' + 'QQ')
"""Magic, version, address, size; of the free pages and of the entries: padding or size of a page,
flags, depth, three counts of pages, count of entries, root; last page, number of the change."""
_NODE = struct.Struct('<HHHH')
"""Low and high half of a size or of the number of a page, flags, size of the key."""
_BRANCH, _LEAF = 1, 2
_FIXED_MAP, _OVERFLOW = 1, 1
_EMPTY = 2**64 - 1
_MOST_DEPTH = 32


class _Meta(NamedTuple):
    """What a head page tells: size and last number of pages, root of the entries, age."""

    page: int
    root: int
    last: int
    change: int


def check_lmdb(path: str | os.PathLike) -> None:
    """Refuse a database whose pages point outside of it, or hold other things than entries.

    LMDB maps the file into memory and trusts its pages: one that is not there, or an entry beyond
    the end, ends the process. Every page of the tree is read once, but no value.

    The path is the folder of ``data.mdb``, or the file itself. What is no LMDB database, damaged or
    cut short, is a ValueError.
    """
    file = Path(path, 'data.mdb') if os.path.isdir(path) else Path(path)
    with name_file(path, DAMAGE), file.open('rb') as opened:
        first = _read_meta(opened.read(_META.size))
        opened.seek(first.page)
        second = _read_meta(opened.read(_META.size))
        meta = second if second.change > first.change else first
        size = opened.seek(0, os.SEEK_END)
        last = max(first.last, second.last)
        if size < (last + 1) * meta.page or first.page != second.page:
            raise ValueError(f'cut short: {size} bytes, its pages take {(last + 1) * meta.page}')
        if meta.root != _EMPTY:
            _check_tree(opened, meta)


def _read_meta(head: bytes) -> _Meta:
    magic, version, _, _, page, free_flags, *middle, last, change = _META.unpack(head)
    flags, root = middle[-7], middle[-1]
    if magic != _MAGIC or version != _VERSION or not 512 <= page <= 32768 or page & (page - 1):
        raise ValueError('not an LMDB database')
    if flags or free_flags & _FIXED_MAP:
        raise ValueError('its entries are not sorted by the bytes of their keys')
    return _Meta(page, root, last, change)


def _check_tree(opened: BinaryIO, meta: _Meta) -> None:
    """Visit the pages from the root to the leaves, each once."""
    level, seen = [meta.root], set()
    for _ in range(_MOST_DEPTH):
        below: list[int] = []
        for number in level:
            if number in seen or not 2 <= number <= meta.last:
                raise ValueError(f'page {number} stands twice in its tree, or is none')
            seen.add(number)
            opened.seek(number * meta.page)
            below += _check_page(opened.read(meta.page), meta)
        if not below:
            return
        level = below
    raise ValueError(f'its tree is deeper than {_MOST_DEPTH} pages')


def _check_page(page: bytes, meta: _Meta) -> list[int]:
    """Check the nodes of a page; return the pages that it points to."""
    flags, lower, upper = _PAGE.unpack_from(page)[1:]
    count = (lower - _HEADER) // 2
    is_branch = flags == _BRANCH
    if flags not in (_BRANCH, _LEAF) or lower % 2 or not _HEADER <= lower <= upper <= meta.page:
        raise ValueError('a page of its tree is none')
    if count < 1 + is_branch:
        raise ValueError('a page of its tree has too few entries')
    below = []
    for start in struct.unpack_from(f'<{count}H', page, _HEADER):
        if not upper <= start <= meta.page - _NODE.size:
            raise ValueError('an entry lies outside of its page')
        low, high, kind, key = _NODE.unpack_from(page, start)
        end, size = start + _NODE.size + key, low | high << 16
        if is_branch:
            below.append(size | kind << 32)
        elif kind not in (0, _OVERFLOW):
            raise ValueError(f'an entry is of the unknown kind {kind}')
        else:
            end += 8 if kind else size
        if end > meta.page:
            raise ValueError('an entry lies outside of its page')
        if kind and not is_branch:
            begin = int.from_bytes(page[end - 8 : end], 'little') * meta.page
            if not 2 * meta.page <= begin <= (meta.last + 1) * meta.page - _HEADER - size:
                raise ValueError('a value lies outside of the file')
    return below
