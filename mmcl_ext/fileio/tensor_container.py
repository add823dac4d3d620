"""The safetensors container, read and written piece by piece.

A file is: eight bytes with the length of the header (little endian), the header
as JSON, then the tensors back to back without gaps. The header names dtype,
shape and byte range of every tensor, and holds text under ``__metadata__``.
"""

import json
import math
import os
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

_DTYPES: dict[str, np.dtype] = {
    'F16': np.dtype('<f2'),
    'F32': np.dtype('<f4'),
    'I64': np.dtype('<i8'),
    'U8': np.dtype('u1'),
}
_CODES = {dtype: code for code, dtype in _DTYPES.items()}
_PREFIX = 8
_MAX_HEADER = 100_000_000  # the limit of the safetensors library


class Entry(NamedTuple):
    """Place of one tensor: element type, shape and first byte within the file."""

    dtype: np.dtype
    shape: tuple[int, ...]
    offset: int

    @property
    def num_bytes(self) -> int:
        """Size in bytes."""
        return math.prod(self.shape) * self.dtype.itemsize


def encode_header(
    shapes: Mapping[str, tuple[np.dtype, tuple[int, ...]]], metadata: Mapping[str, str]
) -> bytes:
    """Return the JSON header for tensors that follow each other in the given order."""
    header: dict[str, object] = {'__metadata__': dict(metadata)}
    start = 0
    for name, (dtype, shape) in shapes.items():
        end = start + math.prod(shape) * dtype.itemsize
        header[name] = dict(dtype=_CODES[dtype], shape=shape, data_offsets=(start, end))
        start = end
    return json.dumps(header, separators=(',', ':')).encode()


def frame_header(header: bytes, size: int) -> bytes:
    """Pad a header with blanks to ``size`` bytes and put its length in front.

    Raises:
        ValueError: The header is longer than the room kept for it.
    """
    if len(header) > size:
        raise ValueError(f'a header of {len(header)} bytes does not fit in {size}')
    return size.to_bytes(_PREFIX, 'little') + header.ljust(size)


def read_header(fd: int, path: str) -> tuple[dict[str, Entry], dict[str, str]]:
    """Read the table of contents of an open file.

    Returns:
        The entries by name, and the metadata.

    Raises:
        ValueError: The file is no safetensors file, or is cut short; names the file.
    """
    file_size = os.fstat(fd).st_size
    size = int.from_bytes(os.pread(fd, _PREFIX, 0), 'little')
    if not 2 <= size <= min(_MAX_HEADER, file_size - _PREFIX):
        raise ValueError(f'{path} is not a safetensors file, or is cut short: no whole header')
    try:
        header = json.loads(os.pread(fd, size, _PREFIX))
        metadata = header.pop('__metadata__', {})
        entries = {name: _entry(item, _PREFIX + size) for name, item in header.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f'{path} is not a safetensors file that can be read here: {error!r}'
        ) from error
    end = max((entry.offset + entry.num_bytes for entry in entries.values()), default=0)
    if file_size != end:
        raise ValueError(
            f'{path} is damaged or cut short: {file_size} bytes, where its header promises {end}'
        )
    return entries, metadata


def _entry(item: Mapping, base: int) -> Entry:
    """Check one item of the header and turn it into an :class:`Entry`."""
    start, end = item['data_offsets']
    entry = Entry(_DTYPES[item['dtype']], tuple(item['shape']), base + start)
    if start < 0 or min(entry.shape, default=0) < 0 or end - start != entry.num_bytes:
        raise ValueError(f'inconsistent entry {item}')
    return entry


def read_rows(fd: int, entry: Entry, start: int, stop: int) -> np.ndarray:
    """Read the rows ``start:stop`` of a tensor's first axis into a fresh array.

    Uses positioned reads only, so threads and forked processes can share ``fd``.

    Raises:
        OSError: The file ends before the rows do.
    """
    array = np.empty((stop - start, *entry.shape[1:]), entry.dtype)
    buffer = memoryview(array.reshape(-1).view(np.uint8).data)
    row_bytes = entry.num_bytes // max(entry.shape[0], 1)
    position = entry.offset + start * row_bytes
    while buffer:
        num_read = os.preadv(fd, [buffer], position)
        if num_read == 0:
            raise OSError(f'file ends at byte {position}, within the rows {start}:{stop}')
        buffer = buffer[num_read:]
        position += num_read
    return array


def read_all(fd: int, entry: Entry) -> np.ndarray:
    """Read a whole tensor into a fresh array."""
    return read_rows(fd, entry, 0, entry.shape[0])
