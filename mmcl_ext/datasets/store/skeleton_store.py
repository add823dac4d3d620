"""Reading side of the annotation store."""

import hashlib
import json
import operator
import os
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, overload

import numpy as np

from mmcl_ext.datasets.store.split_positions import split_positions
from mmcl_ext.fileio.tensor_container import Entry, read_all, read_header, read_rows
from mmcl_ext.graphs.layouts import layout_names, register_layout

FORMAT = 'mmcl_ext.skeletons'
FORMAT_VERSION = '1'
SPLIT_PREFIX = 'split.'
_TABLES = ('label', 'num_person', 'num_frames', 'num_nonfinite', 'name_end')


class _Names(Sequence[str]):
    """Names of the samples, decoded when asked for: no 100,000 Python strings held."""

    def __init__(self, text: bytes, ends: np.ndarray) -> None:
        self._text = text
        self._ends = ends

    def __len__(self) -> int:
        return len(self._ends)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        i = range(len(self))[index]
        start = int(self._ends[i - 1]) if i else 0
        return self._text[start : int(self._ends[i])].decode()

    def __iter__(self) -> Iterator[str]:
        start = 0
        for end in self._ends.tolist():
            yield self._text[start:end].decode()
            start = end


class _Opened(NamedTuple):
    """What is read once per process: the descriptor and the small tables."""

    fd: int
    keypoint: Entry
    score: Entry | None
    tables: dict[str, np.ndarray]
    row_end: np.ndarray
    names: _Names
    splits: dict[str, np.ndarray]
    metadata: dict[str, str]


class SkeletonStore:
    """Skeletons of a data set in one safetensors file, read sample by sample.

    Opening reads the header and the tables (labels, names, splits), never the
    coordinates, and never unpickles. A sample is one positioned read, safe under
    threads and after ``fork``. The object pickles as its path and opens the file
    again when it is first used.

    Args:
        path: File written by :func:`write_store`.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is damaged, cut short, or not a skeleton store.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self._path = os.path.abspath(path)
        _ = self._opened

    def __reduce__(self) -> tuple:
        return _reopen_lazily, (self._path,)

    def __del__(self) -> None:
        opened = self.__dict__.get('_opened')
        if opened is not None:
            os.close(opened.fd)

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        return f'{type(self).__name__}({self._path!r})'

    @cached_property
    def _opened(self) -> _Opened:
        if not os.path.isfile(self._path):
            raise FileNotFoundError(f'no skeleton store at {self._path}')
        fd = os.open(self._path, os.O_RDONLY | getattr(os, 'O_CLOEXEC', 0))
        try:
            return _load_tables(fd, self._path)
        except BaseException as error:
            os.close(fd)
            if isinstance(error, KeyError):
                raise ValueError(f'{self._path} is not a whole skeleton store: {error}') from error
            raise

    @property
    def path(self) -> Path:
        """The file."""
        return Path(self._path)

    @property
    def names(self) -> Sequence[str]:
        """Names of the samples, unique."""
        return self._opened.names

    @property
    def labels(self) -> np.ndarray:
        """Class of each sample, counted from 0: int64, shape (len(self),)."""
        return self._opened.tables['label']

    @property
    def num_persons(self) -> np.ndarray:
        """Bodies per sample, M: int64, shape (len(self),)."""
        return self._opened.tables['num_person']

    @property
    def num_frames(self) -> np.ndarray:
        """Frames per sample, T: int64, shape (len(self),)."""
        return self._opened.tables['num_frames']

    @property
    def num_nonfinite(self) -> np.ndarray:
        """NaN and infinite coordinates per sample: int64, shape (len(self),)."""
        return self._opened.tables['num_nonfinite']

    @property
    def splits(self) -> dict[str, np.ndarray]:
        """Positions of the samples of each split, in the split's order: int64."""
        return self._opened.splits

    @property
    def layout(self) -> str:
        """Name of the skeleton layout, see :func:`mmcl_ext.graphs.layouts.get_layout`."""
        return self._opened.metadata['layout']

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes in the order of the labels."""
        return tuple(json.loads(self._opened.metadata['classes']))

    @cached_property
    def metadata(self) -> dict[str, Any]:
        """How the data were made, as the writer was told."""
        return json.loads(self._opened.metadata['recipe'])

    @property
    def dtype(self) -> np.dtype:
        """Type of the coordinates in the file: float32 or float16."""
        return self._opened.keypoint.dtype

    @property
    def num_joints(self) -> int:
        """Joints of a body, V."""
        return self._opened.keypoint.shape[1]

    @property
    def num_channels(self) -> int:
        """Coordinates of a joint, C."""
        return self._opened.keypoint.shape[2]

    def split(self, name: str) -> np.ndarray:
        """Return the positions of the samples of a split: int64.

        Raises:
            ValueError: There is no such split; names those that exist.
        """
        return split_positions(self.path, self.splits, name)

    def keypoint(self, index: int) -> np.ndarray:
        """Read the coordinates of one sample.

        Returns:
            float32, shape (M, T, V, C), not shared with anybody.
        """
        return self._read(self._opened.keypoint, index)

    def keypoint_score(self, index: int) -> np.ndarray | None:
        """Read the confidences of one sample, None where the file has none.

        Returns:
            float32, shape (M, T, V).
        """
        entry = self._opened.score
        return None if entry is None else self._read(entry, index)

    def checksum(self) -> str:
        """Return the SHA-256 of the content: layout, classes, names, tables, coordinates.

        The recipe (:attr:`metadata`) is left out, so that two conversions of the
        same data agree whenever they were made.
        """
        opened = self._opened
        digest = hashlib.sha256(json.dumps([self.layout, self.classes, self.dtype.str]).encode())
        digest.update(json.dumps(list(self.names)).encode())
        for array in (*opened.tables.values(), *opened.splits.values()):
            digest.update(array.tobytes())
        digest.update(json.dumps(list(opened.splits)).encode())
        for entry in filter(None, (opened.keypoint, opened.score)):
            for start in range(0, entry.shape[0], 65536):
                stop = min(start + 65536, entry.shape[0])
                digest.update(read_rows(opened.fd, entry, start, stop).data)
        return digest.hexdigest()

    def _read(self, entry: Entry, index: int) -> np.ndarray:
        """Read one sample of a tensor that has a row per person and frame."""
        opened = self._opened
        i = operator.index(index)
        if not -len(self) <= i < len(self):
            raise IndexError(f'sample {index} of {len(self)} in {self._path}')
        num_person = opened.tables['num_person'].item(i)
        num_frames = opened.tables['num_frames'].item(i)
        stop = opened.row_end.item(i)
        rows = read_rows(opened.fd, entry, stop - num_person * num_frames, stop)
        shaped = rows.reshape(num_person, num_frames, *rows.shape[1:])
        return shaped.astype(np.float32, copy=False)


def _reopen_lazily(path: str) -> SkeletonStore:
    """Unpickle a store: remember the path, touch no file yet."""
    store = SkeletonStore.__new__(SkeletonStore)
    store._path = path
    return store


def _load_tables(fd: int, path: str) -> _Opened:
    """Read and check everything but the coordinates."""
    entries, metadata = read_header(fd, path)
    if metadata.get('format') != FORMAT:
        raise ValueError(f'{path} is a safetensors file but not a skeleton store')
    if metadata['format_version'] != FORMAT_VERSION:
        raise ValueError(
            f'{path} has version {metadata["format_version"]} of the format; '
            f'this release reads version {FORMAT_VERSION}'
        )
    tables = {key: read_all(fd, entries[key]) for key in _TABLES}
    splits = {
        name: read_all(fd, entries[SPLIT_PREFIX + name]) for name in json.loads(metadata['splits'])
    }
    ends = tables['name_end']
    names = _Names(read_all(fd, entries['name_text']).tobytes(), ends)
    row_end = np.cumsum(tables['num_person'] * tables['num_frames'])
    keypoint, score = entries['keypoint'], entries.get('keypoint_score')
    _check_tables(path, tables, splits, row_end, keypoint, entries['name_text'])
    # A layout of the user's own, told by the file to processes that have not seen it yet.
    if metadata['layout'] not in layout_names() and 'layout_description' in metadata:
        register_layout(json.loads(metadata['layout_description']))
    return _Opened(fd, keypoint, score, tables, row_end, names, splits, metadata)


def _check_tables(
    path: str,
    tables: dict[str, np.ndarray],
    splits: dict[str, np.ndarray],
    row_end: np.ndarray,
    keypoint: Entry,
    text: Entry,
) -> None:
    """Refuse tables that contradict each other, before a wrong row is read."""
    size = len(tables['label'])
    sound = (
        size > 0
        and all(len(table) == size for table in tables.values())
        and min(tables['num_person'].min(), tables['num_frames'].min()) > 0
        and row_end[-1] == keypoint.shape[0]
        and tables['name_end'][-1] == text.shape[0]
        and all(((index >= 0) & (index < size)).all() for index in splits.values())
    )
    if not sound:
        raise ValueError(f'{path} is damaged: its tables contradict each other')
