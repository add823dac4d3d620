"""The header of a safetensors file.

A file is: eight bytes with the length of the header (little endian), the header
as JSON, then the tensors back to back without gaps. The header names dtype,
shape and byte range of every tensor, and holds text under ``__metadata__``.
"""

import json
import math
from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from mmcl_ext.fileio.printable import bounded_repr

PREFIX = 8
MAX_HEADER = 100_000_000  # the limit of the safetensors library
_METADATA = '__metadata__'
_FIELDS = ('dtype', 'shape', 'data_offsets')
_MOST_AXES = 32
_DTYPES: dict[str, np.dtype] = {
    'F64': np.dtype('<f8'),
    'F32': np.dtype('<f4'),
    'F16': np.dtype('<f2'),
    'I64': np.dtype('<i8'),
    'I32': np.dtype('<i4'),
    'I16': np.dtype('<i2'),
    'I8': np.dtype('i1'),
    'U64': np.dtype('<u8'),
    'U32': np.dtype('<u4'),
    'U16': np.dtype('<u2'),
    'U8': np.dtype('u1'),
    'BOOL': np.dtype('?'),
    'C64': np.dtype('<c8'),
    'BF16': np.dtype('V2'),  # numpy has no such numbers: bytes
    'F8_E4M3': np.dtype('V1'),
    'F8_E5M2': np.dtype('V1'),
}
_CODES = {dtype: code for code, dtype in _DTYPES.items()}


class Entry(NamedTuple):
    """Place of one tensor: element type, shape and first byte within the file."""

    dtype: np.dtype
    shape: tuple[int, ...]
    offset: int

    @property
    def num_bytes(self) -> int:
        """Size in bytes."""
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def code(self) -> str:
        """Name of the element type in the header."""
        return _CODES[self.dtype]


def encode_header(
    shapes: Mapping[str, tuple[np.dtype, tuple[int, ...]]], metadata: Mapping[str, str]
) -> bytes:
    """Return the JSON header for tensors that follow each other in the given order."""
    header: dict[str, object] = {_METADATA: dict(metadata)}
    start = 0
    for name, (dtype, shape) in shapes.items():
        end = start + math.prod(shape) * dtype.itemsize
        header[name] = dict(dtype=_CODES[dtype], shape=shape, data_offsets=(start, end))
        start = end
    return json.dumps(header, separators=(',', ':')).encode()


def frame_header(header: bytes, size: int | None = None) -> bytes:
    """Pad a header to ``size`` bytes, by default a multiple of 8, and put its length in front."""
    size = -(-len(header) // 8) * 8 if size is None else size
    if len(header) > size:
        raise ValueError(f'a header of {len(header)} bytes does not fit in {size}')
    return size.to_bytes(PREFIX, 'little') + header.ljust(size)


def parse_header(encoded: bytes) -> tuple[dict[str, Entry], dict[str, str]]:
    """Read and check a header's JSON: the tensors by name, and the metadata, or a ValueError."""
    try:
        header = json.loads(encoded.decode(), object_pairs_hook=_unique)
    except RecursionError:
        raise ValueError('its JSON is nested too deeply') from None
    if not isinstance(header, dict):
        raise ValueError('its header is no JSON object')
    metadata = header.pop(_METADATA, {})
    if not isinstance(metadata, dict) or not set(map(type, metadata.values())) <= {str}:
        raise ValueError(f'{_METADATA!r} maps names to something else than text')
    base = PREFIX + len(encoded)
    entries = {name: _entry(name, item, base) for name, item in header.items()}
    _check_order(entries, base)
    return entries, metadata


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise ValueError(f'its header names {bounded_repr(twice)} twice')
    return values


def _entry(name: str, item: Any, base: int) -> Entry:
    def wrong(field: str, problem: str) -> ValueError:
        return ValueError(f'tensor {bounded_repr(name)}: field {field!r}: {problem}')

    if not isinstance(item, dict) or not set(_FIELDS) <= item.keys():
        raise ValueError(f'tensor {bounded_repr(name)} needs the fields {_FIELDS}')
    code, shape, offsets = (item[field] for field in _FIELDS)
    if not isinstance(code, str) or code not in _DTYPES:
        raise wrong('dtype', f'{bounded_repr(code)} is no element type known here')
    if not _are_counts(shape) or len(shape) > _MOST_AXES:
        raise wrong('shape', f'{bounded_repr(shape)} is no shape')
    if not _are_counts(offsets) or len(offsets) != 2:
        raise wrong('data_offsets', f'{bounded_repr(offsets)} is no pair of positions')
    entry = Entry(_DTYPES[code], tuple(shape), base + offsets[0])
    if math.prod(filter(None, shape)) * entry.dtype.itemsize >= 2**63:
        raise wrong('shape', f'{bounded_repr(shape)} is larger than an array can be')
    if offsets[1] - offsets[0] != entry.num_bytes:
        raise wrong('data_offsets', f'{offsets} do not span {entry.num_bytes} bytes')
    return entry


def _are_counts(values: Any) -> bool:
    return isinstance(values, list) and all(type(v) is int and v >= 0 for v in values)


def _check_order(entries: Mapping[str, Entry], base: int) -> None:
    """Refuse tensors that overlap or leave gaps."""
    end = base
    for name, entry in sorted(entries.items(), key=lambda item: (item[1][2], item[1].num_bytes)):
        if entry.offset != end:
            raise ValueError(
                f"tensor {bounded_repr(name)}: field 'data_offsets': begins at "
                f'{entry.offset - base}, where the tensor before ends at {end - base}'
            )
        end += entry.num_bytes
