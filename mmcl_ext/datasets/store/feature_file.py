"""Feature files: one float array and the names of its rows, in one safetensors file.

The file holds a single tensor ``features`` of shape (N, ...). Its metadata maps
``names`` to a JSON list of N sample names; every other entry belongs to the
recipe of the extraction (model, revision, prompt, ...). Reading parses the header
once and then fetches single rows, so a process never holds the whole array.
Nothing is unpickled.
"""

import json
import math
import os
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmcl_ext.fileio.atomic_file import atomic_file

_TENSOR = 'features'
_NAMES = 'names'
_DTYPES: dict[str, np.dtype] = {
    'F64': np.dtype('<f8'),
    'F32': np.dtype('<f4'),
    'F16': np.dtype('<f2'),
    'I64': np.dtype('<i8'),
    'I32': np.dtype('<i4'),
}


class FeatureFile:
    """Random access to the rows of a feature file.

    The file is opened on first use and again in every process, so an object can
    be pickled and shared with the workers of a data loader.

    Args:
        path: The file.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is not a feature file, or it is cut short.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise FileNotFoundError(f'feature file not found: {self.path}')
        header, self._offset = _read_header(self.path)
        self.metadata = header.get('__metadata__', {})
        entry = header.get(_TENSOR)
        if entry is None or _NAMES not in self.metadata or entry['dtype'] not in _DTYPES:
            raise ValueError(
                f'{self.path} is no feature file: it needs a tensor {_TENSOR!r} of one of the '
                f'types {tuple(_DTYPES)} and {_NAMES!r} in its metadata, and has {sorted(header)}'
            )
        self.shape = tuple(entry['shape'])
        self._dtype = _DTYPES[entry['dtype']]
        self.names: tuple[str, ...] = tuple(json.loads(self.metadata[_NAMES]))
        self._check_size(entry['data_offsets'][0])
        self._rows = {name: row for row, name in enumerate(self.names)}
        self._handle: int | None = None
        self._process = 0

    @property
    def width(self) -> int:
        """Number of values of a sample."""
        return math.prod(self.shape[1:])

    def __len__(self) -> int:
        return len(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self._rows

    def read(self, name: str) -> np.ndarray:
        """Read one sample.

        Args:
            name: Sample name.

        Returns:
            Float32 array of the shape of one row.

        Raises:
            KeyError: The file has no such sample; names the file and the sample.
        """
        if name not in self._rows:
            raise KeyError(f'{self.path} has no sample {name!r}')
        size = self.width * self._dtype.itemsize
        data = os.pread(self._descriptor(), size, self._offset + self._rows[name] * size)
        return np.frombuffer(data, self._dtype).reshape(self.shape[1:]).astype(np.float32)

    def close(self) -> None:
        """Close the file; the next read opens it again."""
        if self._handle is not None and self._process == os.getpid():
            os.close(self._handle)
        self._handle = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, '_handle': None}

    def __del__(self) -> None:
        if getattr(self, '_handle', None) is not None:
            self.close()

    def _descriptor(self) -> int:
        if self._handle is None or self._process != os.getpid():
            self._handle = os.open(self.path, os.O_RDONLY)
            self._process = os.getpid()
        return self._handle

    def _check_size(self, start: int) -> None:
        self._offset += start
        expected = self._offset + math.prod(self.shape) * self._dtype.itemsize
        if self.path.stat().st_size < expected:
            raise ValueError(
                f'{self.path} is cut short: {self.path.stat().st_size} of {expected} bytes'
            )
        if self.shape[:1] != (len(self.names),):
            raise ValueError(f'{self.path} names {len(self.names)} rows of shape {self.shape}')


def write_feature_file(
    path: str | os.PathLike,
    features: np.ndarray,
    names: Sequence[str],
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write a feature file under a temporary name and move it into place.

    Args:
        path: Target; its folder is created.
        features: Array of shape (N, ...), of type float16, float32, float64,
            int32 or int64.
        names: The N sample names.
        metadata: Recipe of the extraction: model, revision, prompt, source hash...

    Raises:
        ValueError: Names and rows do not match, a name occurs twice, the type is
            not supported, or a sample is not finite.
    """
    path = Path(path)
    features = np.ascontiguousarray(features)
    code = _check(features, names)
    header = {
        '__metadata__': {**(metadata or {}), _NAMES: json.dumps(list(names))},
        _TENSOR: {
            'dtype': code,
            'shape': list(features.shape),
            'data_offsets': [0, features.nbytes],
        },
    }
    encoded = json.dumps(header).encode()
    encoded += b' ' * (-len(encoded) % 8)  # the data start at a multiple of 8 bytes
    with atomic_file(path) as file:
        for chunk in (struct.pack('<Q', len(encoded)), encoded, features.data):
            file.write(chunk)


def _check(features: np.ndarray, names: Sequence[str]) -> str:
    """Validate what is to be written; return the type's code."""
    codes = [code for code, dtype in _DTYPES.items() if dtype == features.dtype]
    if not codes:
        raise ValueError(f'features are {features.dtype}, supported are {tuple(_DTYPES)}')
    if features.ndim < 2 or len(features) != len(names):
        raise ValueError(f'{len(names)} names do not fit features of shape {features.shape}')
    if len(set(names)) != len(names):
        twice = next(name for name in names if list(names).count(name) > 1)
        raise ValueError(f'sample {twice!r} occurs more than once')
    finite = np.isfinite(features.reshape(len(features), -1)).all(axis=1)
    if not finite.all():
        raise ValueError(f'the features of sample {names[int(np.argmin(finite))]!r} are not finite')
    return codes[0]


def _read_header(path: Path) -> tuple[dict[str, Any], int]:
    """Read the safetensors header and the position where the data begin."""
    with path.open('rb') as file:
        prefix = file.read(8)
        size = struct.unpack('<Q', prefix)[0] if len(prefix) == 8 else 0
        encoded = file.read(size) if size <= path.stat().st_size else b''
    try:
        header = json.loads(encoded)
    except ValueError as error:
        raise ValueError(f'{path} is not a safetensors file') from error
    if not isinstance(header, dict):
        raise ValueError(f'{path} is not a safetensors file')
    return header, 8 + size
