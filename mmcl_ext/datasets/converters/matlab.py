"""Arrays out of MATLAB files, with errors that name file and field."""

import math
import zlib
from collections.abc import Iterator

import numpy as np

from mmcl_ext.fileio.archive_file import ArchiveFile
from mmcl_ext.fileio.as_float32 import as_float32
from mmcl_ext.fileio.name_file import DAMAGE, name_file
from mmcl_ext.fileio.printable import bounded_repr, counted

_HEADER = 128  # bytes
_MATRIX, _COMPRESSED = 14, 15
_TYPES = {
    **{1: 'i1', 2: 'u1', 3: 'i2', 4: 'u2', 5: 'i4', 6: 'u4', 7: 'f4', 9: 'f8'},
    **{12: 'i8', 13: 'u8'},
}
_NUMERIC_CLASSES = range(6, 16)
_COMPLEX = 1 << 11
_MOST_UNPACKED = 2**30  # bytes of a variable


def read_matlab_field(member: ArchiveFile, field: str) -> np.ndarray:
    """Read a numeric variable of a MATLAB file (version 5) in its stored type.

    Read here and not by scipy, whose reader a damaged file can crash with the whole process.
    Source: "MAT-File Format", The MathWorks, chapter 1, level 5.
    A ValueError names the file and the field.
    """
    data = member.read()
    with name_file(f'{member}: field {field}', DAMAGE):
        order = {b'IM': '<', b'MI': '>'}.get(data[126:_HEADER])
        if order is None:
            raise ValueError('no MATLAB file of version 5 to 7.2')
        for kind, content in _elements(memoryview(data)[_HEADER:], order):
            variable = _unpacked(content, order) if kind == _COMPRESSED else content
            if kind in (_MATRIX, _COMPRESSED) and (found := _matrix(variable, field, order)):
                return found[0]
    raise ValueError(f'{member}: field {field} is missing')


def read_matlab_skeleton(member: ArchiveFile, field: str) -> np.ndarray:
    """Read a skeleton of Kinect v1, stored as (V=20, C=3, T): (T, V, C) in its stored type.

    A ValueError names the file and the field, and the place of what is not finite in float32.
    """
    joints = read_matlab_field(member, field)
    if joints.ndim != 3 or joints.shape[:2] != (20, 3) or not joints.shape[2]:
        raise ValueError(f'{member}: field {field}: expected shape (20, 3, T), got {joints.shape}')
    bad = ~np.isfinite(as_float32(joints))
    if bad.any():
        joint, axis, frame = (int(i[0]) for i in np.nonzero(bad))
        place = f'joint {joint}, axis {axis}, frame {frame}'
        raise ValueError(f'{member}: field {field}: not finite at {place}')
    return joints.transpose(2, 0, 1)


def _elements(data: memoryview, order: str) -> Iterator[tuple[int, memoryview]]:
    """Yield type and content of each element."""
    place = 0
    while place < len(data):
        kind, size = np.frombuffer(data[place : place + 8], f'{order}u4').tolist()
        if kind >> 16:  # up to four bytes stand in the tag itself
            kind, size, start, after = kind & 0xFFFF, kind >> 16, place + 4, place + 8
        else:  # only compressed elements follow each other at once
            start, padding = place + 8, 0 if kind == _COMPRESSED else -size % 8
            after = start + size + padding
        if start + size > min(after, len(data)):
            raise ValueError(f'cut short: an element of {size} bytes')
        yield kind, data[start : start + size]
        place = after


def _unpacked(data: memoryview, order: str) -> memoryview:
    """Return the content of the matrix in a compressed element; empty for another element."""
    unpacker = zlib.decompressobj()
    tag = unpacker.decompress(data, 8)
    kind, size = np.frombuffer(tag, f'{order}u4').tolist()
    if size > _MOST_UNPACKED:
        raise ValueError(f'a variable of {size} bytes')
    content = unpacker.decompress(unpacker.unconsumed_tail, max(size, 1))
    if len(content) < size:
        raise ValueError(f'cut short: {counted(len(content), "byte")} of {size}')
    return memoryview(content if kind == _MATRIX else b'')


def _matrix(data: memoryview, field: str, order: str) -> tuple[np.ndarray] | None:
    """Read a variable if it has this name."""
    parts = list(_elements(data, order))
    if len(parts) < 3 or bytes(parts[2][1]).decode('latin-1') != field:
        return None
    flags = int(np.frombuffer(parts[0][1], f'{order}u4')[0])
    if flags & 0xFF not in _NUMERIC_CLASSES or flags & _COMPLEX or len(parts) < 4:
        raise ValueError(f'expected numbers, got class {flags & 0xFF} of MATLAB')
    shape = tuple(np.frombuffer(parts[1][1], f'{order}i4').tolist())
    kind, content = parts[3]
    if kind not in _TYPES or len(shape) < 2 or min(shape) < 0:
        raise ValueError(f'numbers of type {kind} in the shape {bounded_repr(shape)}')
    dtype = np.dtype(order + _TYPES[kind])
    if math.prod(shape) * dtype.itemsize != len(content):
        raise ValueError(f'{len(content)} bytes do not make {bounded_repr(shape)} of {dtype}')
    return (np.frombuffer(content, dtype).reshape(shape, order='F'),)
