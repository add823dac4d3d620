"""Feature files: one array and the names of its rows, in one safetensors file.

The file holds a tensor ``features`` of shape (N, ...). Its metadata maps ``names`` to a JSON
list of N sample names and ``element_type`` to the tensor's type; every other entry belongs to
the recipe of the extraction (model, revision, prompt, ...). Reading fetches single rows, so a
process never holds the whole array.
"""

import json
import math
import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

from mmcl_ext.datasets.store.name_table import NamedSamples, repeated
from mmcl_ext.fileio.printable import bounded_repr, counted
from mmcl_ext.fileio.tensor_container import is_finite, write_tensors

_TENSOR = 'features'
_NAMES = 'names'
_TYPE = 'element_type'
_CODES = {
    np.dtype(name): code
    for name, code in (
        ('<f8', 'F64'),
        ('<f4', 'F32'),
        ('<f2', 'F16'),
        ('<i8', 'I64'),
        ('<i4', 'I32'),
    )
}


class _Tables(NamedTuple):
    """What is read once per process."""

    shape: tuple[int, ...]
    names: tuple[str, ...]
    rows: dict[str, int]


class FeatureFile(NamedSamples):
    """Random access to the rows of a file written by :func:`write_feature_file`."""

    kind = 'feature file'

    @cached_property
    def _opened(self) -> _Tables:
        """Check that the names fit the rows."""
        entry, metadata = self._header.entries.get(_TENSOR), self._header.metadata
        if entry is None or _NAMES not in metadata or entry.dtype not in _CODES:
            raise ValueError(
                f'{self._path} is no feature file: it needs a tensor {_TENSOR!r} of one of the '
                f'types {tuple(_CODES.values())} and {_NAMES!r} in its metadata, and has '
                f'{bounded_repr(sorted(self._header.entries))}'
            )
        if metadata.get(_TYPE, entry.code) != entry.code:
            told = bounded_repr(metadata[_TYPE])
            raise self._contradiction(f'{_TENSOR!r} is {entry.code}, field {_TYPE!r} says {told}')
        names = self._names(_NAMES)
        rows = {name: row for row, name in enumerate(names)}
        if len(rows) != len(names):
            told = bounded_repr(repeated(names))
            raise self._wrong(_NAMES, f'sample {told} occurs more than once')
        if entry.shape[:1] != (len(names),) or len(entry.shape) < 2:
            shape = bounded_repr(entry.shape)
            raise ValueError(f'{self._path} names {counted(len(names), "row")} of shape {shape}')
        return _Tables(entry.shape, names, rows)

    @property
    def metadata(self) -> dict[str, str]:
        """Recipe of the extraction, and the names as JSON."""
        return self._header.metadata

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape (N, ...) of all features."""
        return self._opened.shape

    @property
    def width(self) -> int:
        """Number of values of a sample."""
        return math.prod(self.shape[1:])

    def read(self, name: str, *, finite: bool = True) -> np.ndarray:
        """Read one sample: float32 in the shape of one row.

        A KeyError names the file and the sample that it does not have, a ValueError one with a
        value that is not ``finite``, unless those are wanted, too.
        """
        row = self._row(name)
        values = self.read_rows(_TENSOR, row, row + 1)[0].astype(np.float32, copy=False)
        if finite and not is_finite(values):
            raise self._wrong_sample(name, _TENSOR, 'not finite')
        return values


def write_feature_file(
    path: str | os.PathLike,
    features: np.ndarray,
    names: Sequence[str],
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write features (N, ...), float16, float32, float64, int32 or int64, of N samples.

    ``metadata`` are the recipe of the extraction: model, revision, prompt, source hash... The file
    appears when it is complete. A ValueError if names and rows do not match, a name occurs twice,
    the type is not supported, or a sample is not finite.
    """
    features = np.ascontiguousarray(features)
    _check(features, names)
    told = {_NAMES: json.dumps(list(names)), _TYPE: _CODES[features.dtype]}
    write_tensors(path, {_TENSOR: features}, {**(metadata or {}), **told})


def _check(features: np.ndarray, names: Sequence[str]) -> None:
    """Validate what is to be written."""
    if features.dtype not in _CODES:
        known = tuple(_CODES.values())
        raise ValueError(f'features are {features.dtype}, supported are {known}')
    if features.ndim < 2 or len(features) != len(names):
        raise ValueError(f'{counted(len(names), "name")} for features of shape {features.shape}')
    if (twice := repeated(names)) is not None:
        raise ValueError(f'sample {twice!r} occurs more than once')
    finite = np.isfinite(features.reshape(len(features), -1)).all(axis=1)
    if not finite.all():
        raise ValueError(f'the features of sample {names[int(np.argmin(finite))]!r} are not finite')
