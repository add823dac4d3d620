"""CTR-GCN's arrays of NTU RGB+D (``NTU60_CS.npz`` and others) to an annotation store."""

import math
import os
import struct
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Unpack

import numpy as np

from mmcl_ext.datasets.converters.conversion import (
    Conversion,
    ConversionOptions,
    ConversionReport,
    SampleInfo,
)
from mmcl_ext.datasets.converters.ntu_protocol import NTUName, ntu_classes, ntu_splits
from mmcl_ext.fileio.archive_file import describe_file
from mmcl_ext.fileio.name_file import DAMAGE, name_file
from mmcl_ext.fileio.printable import counted
from mmcl_ext.fileio.read_lines import read_lines

_LOCAL_HEADER = 30  # bytes, before the name and the extra field


class NpzArray:
    """An array of an ``.npz`` archive that is read row by row.

    An array that ``numpy.savez`` wrote lies in the file as it is and is read at any place. One of
    ``numpy.savez_compressed`` has to be unpacked from its beginning: read it in ascending order. A
    FileNotFoundError if there is no such file; a ValueError if it is no archive, lacks the array,
    or the array holds Python objects.
    """

    def __init__(self, path: str | os.PathLike, key: str) -> None:
        self._path, self._key = Path(path), key
        with (
            name_file(f'{path}: array {key}', DAMAGE),
            zipfile.ZipFile(path) as archive,
            archive.open(f'{key}.npy') as file,
        ):
            self.shape, self.dtype = _read_header(file)
            self._data = file.tell()  # where the array begins, within the member
            self._member = archive.getinfo(f'{key}.npy')
            if self._data + math.prod(self.shape) * self.dtype.itemsize > self._member.file_size:
                raise ValueError(f'cut short: {self._member.file_size} bytes for {self.shape}')
        self.compressed = self._member.compress_type != zipfile.ZIP_STORED
        self._row = self.dtype.itemsize * int(np.prod(self.shape[1:], dtype=np.int64))
        self._stream: IO[bytes] | None = None

    def __len__(self) -> int:
        return self.shape[0]

    def __getstate__(self) -> dict:
        return self.__dict__ | dict(_stream=None)

    def read(self, start: int, stop: int) -> np.ndarray:
        """Read the rows from ``start`` to ``stop`` (exclusive)."""
        if not 0 <= start <= stop <= len(self):
            raise IndexError(
                f'{self._path}: array {self._key} has {counted(len(self), "row")}, not {stop}'
            )
        size = (stop - start) * self._row
        with name_file(f'{self._path}: array {self._key}', DAMAGE):
            data = self._unpack(start, size) if self.compressed else self._pread(start, size)
            if len(data) != size:
                raise ValueError(f'{self._path}: array {self._key} is cut short in row {start}')
            return np.frombuffer(data, self.dtype).reshape(stop - start, *self.shape[1:])

    def _pread(self, start: int, size: int) -> bytes:
        with self._path.open('rb') as file:
            file.seek(self._member.header_offset)
            name, extra = struct.unpack('<26xHH', file.read(_LOCAL_HEADER))
            file.seek(name + extra + self._data + start * self._row, os.SEEK_CUR)
            return file.read(size)

    def _unpack(self, start: int, size: int) -> bytes:
        if self._stream is None:
            archive = zipfile.ZipFile(self._path)
            self._stream = archive.open(self._member)
        self._stream.seek(self._data + start * self._row)
        return self._stream.read(size)


def _read_header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype]:
    version = np.lib.format.read_magic(file)
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if read is None:
        raise ValueError(f'version {version} of the format is not known')
    with warnings.catch_warnings(action='ignore', category=UserWarning):  # headers of Python 2
        shape, fortran_order, dtype = read(file)
    if min(shape, default=0) < 0 or not shape:
        raise ValueError(f'{shape} is no shape of rows')
    if dtype.kind not in 'fiub' or (fortran_order and len(shape) > 1):
        raise ValueError(f'cannot be read by rows: {dtype}, fortran_order={fortran_order}')
    return shape, dtype


_SETS = ('train', 'test')
NPZ_SECOND_BODIES = ('zeros', 'copy', 'keep')


@dataclass(frozen=True)
class NpzReader:
    """Reads one row of CTR-GCN's arrays ``x_train`` and ``x_test``.

    Each is (N, T, 150) with persons, joints and coordinates within a row of 150. An absent second
    person, in whose place are ``'zeros'`` or a ``'copy'`` of the first, is left out; ``'keep'``
    leaves none out.
    """

    arrays: Mapping[str, NpzArray]
    second_body: str

    @np.errstate(invalid='ignore')  # signalling NaN
    def __call__(self, source: tuple[str, int]) -> np.ndarray:
        """Read the row of a set: (M, T, V=25, C=3), without the empty frames at the end."""
        key, row = source
        # (1, T, M V C) -> (T, M, V, C) -> (M, T, V, C)
        frames = self.arrays[key].read(row, row + 1)[0].reshape(-1, 2, 25, 3)
        present = np.flatnonzero(frames.any(axis=(1, 2, 3)))
        keypoint = frames[: present[-1] + 1 if len(present) else 1].swapaxes(0, 1)
        return keypoint[:1] if self._is_alone(keypoint) else keypoint

    def _is_alone(self, keypoint: np.ndarray) -> bool:
        if self.second_body == 'copy':
            return np.array_equal(keypoint[0], keypoint[1])
        return self.second_body == 'zeros' and not keypoint[1].any()


def convert_ctrgcn_npz(
    source: str | os.PathLike,
    out: str | os.PathLike,
    *,
    names: str | Sequence[str | os.PathLike] = 'known',
    second_body: str | None = None,
    **options: Unpack[ConversionOptions],
) -> ConversionReport:
    """Convert an array file of CTR-GCN's scripts, row by row.

    The rows have no names. With ``names='known'`` they get the official ones: the benchmark is
    found by the numbers of rows, its order of rows is known, and every label is checked against its
    name. The store then has all protocols of the data set, and the splits of this file's protocol
    are in the order of the rows. ``'index'`` names them ``train_0``, ..., as CTR-GCN's own loader
    does; two text files have a name per row, of the training and of the test rows. For
    ``second_body`` see :class:`NpzReader`; by default it is what CTR-GCN's scripts do: ``'zeros'``
    with 60 classes, ``'copy'`` with 120, else ``'keep'``. Feed the store with
    ``FormatSkeleton(pad='zero')`` or ``pad='copy'`` accordingly. A ValueError if the file is
    damaged, no known benchmark, or disagrees with the names.
    """
    rows = {key: NpzArray(source, f'x_{key}') for key in _SETS}
    labels = {key: _read_labels(source, key) for key in _SETS}
    _check_rows(source, rows, labels)
    num_classes = labels['train'][1]
    if second_body is None:
        second_body = {60: 'zeros', 120: 'copy'}.get(num_classes, 'keep')
    if second_body not in NPZ_SECOND_BODIES:
        raise ValueError(f'second_body is one of {NPZ_SECOND_BODIES}, got {second_body!r}')
    counts = {key: len(rows[key]) for key in _SETS}
    row_names, splits = _name_rows(source, counts, num_classes, names)
    items = [
        SampleInfo(name, int(label), (key, row))
        for key in _SETS
        for row, (name, label) in enumerate(zip(row_names[key], labels[key][0], strict=True))
    ]
    if names == 'known':
        _check_labels(source, items)
    compressed = any(array.compressed for array in rows.values())
    known = num_classes in (60, 120)
    return Conversion(
        out=Path(out),
        items=items,
        read=NpzReader(rows, second_body),
        layout='nturgb+d-ctrgcn',
        classes=ntu_classes(num_classes) if known else [f'class{i}' for i in range(num_classes)],
        splits=splits,
        metadata=_metadata(Path(source), num_classes, second_body),
        # A compressed array is unpacked from its beginning, so by one process only.
        **options | ({'processes': 1} if compressed else {}),
    ).run()


def _metadata(source: Path, num_classes: int, second_body: str) -> dict[str, Any]:
    return dict(
        dataset=f'NTU RGB+D {num_classes}',
        unit='metre',
        preprocessing='ctrgcn',
        source=describe_file(source),
        second_body='none' if second_body != 'keep' else 'keep',
    )


def _read_labels(source: str | os.PathLike, key: str) -> tuple[np.ndarray, int]:
    """Read the labels of a set from its one-hot rows; tell the number of classes, too."""
    array = NpzArray(source, f'y_{key}')
    onehot = array.read(0, len(array))
    if onehot.ndim != 2 or not ((onehot == 1).sum(axis=1) == 1).all() or (onehot < 0).any():
        raise ValueError(f'{source}: array y_{key}: expected a single 1 per row')
    return onehot.argmax(axis=1), onehot.shape[1]


def _check_rows(
    source: str | os.PathLike,
    rows: Mapping[str, NpzArray],
    labels: Mapping[str, tuple[np.ndarray, int]],
) -> None:
    for key, array in rows.items():
        if len(array.shape) != 3 or array.shape[2] != 150:
            raise ValueError(f'{source}: array x_{key}: expected (N, T, 150), got {array.shape}')
        if len(array) != len(labels[key][0]):
            raise ValueError(
                f'{source}: {counted(len(array), "row")} in x_{key}, but {len(labels[key][0])} in '
                f'y_{key}'
            )
    if labels['train'][1] != labels['test'][1]:
        numbers = [labels[key][1] for key in _SETS]
        raise ValueError(f'{source}: y_train and y_test have {numbers} classes')


def _name_rows(
    source: str | os.PathLike,
    counts: Mapping[str, int],
    num_classes: int,
    names: str | Sequence[str | os.PathLike],
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Return the names of the rows by set, and the splits."""
    if names == 'known':
        return _known_names(source, counts, num_classes)
    if names == 'index':
        found = {key: [f'{key}_{i}' for i in range(count)] for key, count in counts.items()}
    elif isinstance(names, str) or len(names) != 2:
        raise ValueError(f"names is 'known', 'index' or two files, got {names!r}")
    else:
        found = {key: _read_names(file) for key, file in zip(_SETS, names, strict=True)}
    for key, count in counts.items():
        if len(found[key]) != count:
            raise ValueError(
                f'{source}: {counted(count, "row")} in x_{key}, but '
                f'{counted(len(found[key]), "name")} for them'
            )
    return found, {'train': found['train'], 'val': found['test']}


def _read_names(path: str | os.PathLike) -> list[str]:
    return [name for line in read_lines(path) for name in line.split()]


def _known_names(
    source: str | os.PathLike, counts: Mapping[str, int], num_classes: int
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    known = ntu_splits(num_classes, order='group') if num_classes in (60, 120) else {}
    for protocol in dict.fromkeys(key.partition('_')[0] for key in known):
        found = dict(train=known[f'{protocol}_train'], test=known[f'{protocol}_val'])
        if {key: len(found[key]) for key in found} == counts:
            return found, known
    raise ValueError(
        f'{source}: {counts["train"]} training and {counts["test"]} test rows of {num_classes} '
        'classes are no known benchmark of NTU RGB+D; pass the names of the rows'
    )


def _check_labels(source: str | os.PathLike, items: Sequence[SampleInfo]) -> None:
    for item in items:
        if item.label != NTUName.parse(item.name).label:
            key, row = item.source
            raise ValueError(
                f'{source}: array y_{key}, row {row}: label {item.label} does not fit the name '
                f'{item.name}; the rows are not in the known order'
            )
