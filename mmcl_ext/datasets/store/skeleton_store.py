"""Reading side of the annotation store."""

import hashlib
import json
import operator
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from mmcl_ext.datasets.store.name_table import NameTable, check_class_names, split_positions
from mmcl_ext.fileio.printable import bounded_repr, counted
from mmcl_ext.fileio.tensor_container import TensorContainer
from mmcl_ext.graphs.layouts import get_layout, layout_names, register_layout

_SKELETON = ('joint_names', 'edges', 'center', 'pairs')
_MOST_JOINTS = 1000
"""More are taken for a mistake: the distances of a layout's joints fill a square table."""


def check_stored_layout(name: str, description: Mapping[str, Any] | None, num_joints: int) -> None:
    """Compare the layout of a store with the known one, or make the user's own known.

    A ValueError tells where known layout, ``description`` (None where the store is silent) and the
    joints of the coordinates do not agree.
    """
    if name not in layout_names():
        if description is None:
            raise ValueError(f'layout {bounded_repr(name)} is neither known nor described')
        _register(name, description, num_joints)
    layout = get_layout(name)
    for key in _SKELETON:
        known = json.loads(json.dumps(getattr(layout, key), default=int))
        if description is not None and known != description.get(key):
            raise ValueError(f'{key!r} differs from the known layout {bounded_repr(name)}')
    if layout.num_joints != num_joints:
        raise ValueError(
            f"layout {bounded_repr(name)} has {layout.num_joints} joints, 'keypoint' {num_joints}"
        )


def _register(name: str, description: Mapping[str, Any], num_joints: int) -> None:
    """Make a layout known to this process, which has not seen it yet."""
    names = description.get('joint_names')
    if not isinstance(names, list) or not set(map(type, names)) <= {str}:
        raise ValueError("'joint_names' is no list of strings")
    if len(names) != num_joints or num_joints > _MOST_JOINTS:
        raise ValueError(
            f"{len(names)} 'joint_names' for the {num_joints} joints of 'keypoint', which may be "
            f'at most {_MOST_JOINTS}'
        )
    if description.get('name') != name:
        raise ValueError(f"'name' is not {bounded_repr(name)}")
    keys = ('name', *_SKELETON, 'hd_groups')
    try:
        register_layout({key: description[key] for key in keys if key in description})
    except (AttributeError, IndexError, KeyError, TypeError, OverflowError, ValueError) as error:
        raise ValueError(bounded_repr(str(error))) from error


FORMAT = 'mmcl_ext.skeletons'
FORMAT_VERSION = '1'
SPLIT_PREFIX = 'split.'
_TABLES = ('label', 'num_person', 'num_frames', 'num_nonfinite', 'name_end')


class _Tables(NamedTuple):
    """What is read once per process."""

    tables: dict[str, np.ndarray]
    row_end: np.ndarray
    names: NameTable
    splits: dict[str, np.ndarray]
    classes: tuple[str, ...]
    metadata: dict[str, Any]


class SkeletonStore(TensorContainer):
    """Skeletons of a data set in one safetensors file, read sample by sample.

    Opening reads the header and the tables (labels, names, splits), never the
    coordinates. A sample is one positioned read. :func:`write_store` writes such files.
    """

    kind = 'skeleton store'
    format = (FORMAT, FORMAT_VERSION)

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def _opened(self) -> _Tables:
        """Read and check everything but the coordinates."""
        size = self._entry('label', ('I64',), (None,)).shape[0]
        if size == 0:
            raise self._contradiction("'label' is empty")
        tables = {key: self._table(key, 'I64', (size,)) for key in _TABLES}
        classes = self._names('classes')
        row_end = self._check_tables(tables, len(classes))
        try:
            check_class_names(classes)
        except ValueError as error:
            raise self._wrong('classes', str(error)) from None
        try:
            names = NameTable(self._table('name_text', 'U8', (None,)), tables['name_end'])
        except ValueError as error:
            raise self._contradiction(f"'name_text', 'name_end': {error}") from None
        splits = {name: self._read_split(name, size) for name in self._names('splits')}
        self._check_layout()
        return _Tables(tables, row_end, names, splits, classes, self._json('recipe', dict))

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
        return self._header.metadata['layout']

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes in the order of the labels."""
        return self._opened.classes

    @property
    def metadata(self) -> dict[str, Any]:
        """How the data were made, as the writer was told."""
        return self._opened.metadata

    @property
    def dtype(self) -> np.dtype:
        """Type of the coordinates in the file: float32 or float16."""
        return self._header.entries['keypoint'].dtype

    @property
    def num_joints(self) -> int:
        """Joints of a body, V."""
        return self._header.entries['keypoint'].shape[1]

    @property
    def num_channels(self) -> int:
        """Coordinates of a joint, C."""
        return self._header.entries['keypoint'].shape[2]

    def split(self, name: str) -> np.ndarray:
        """Return the positions of the samples of a split: int64, see :func:`split_positions`."""
        return split_positions(self.path, self.splits, name)

    def keypoint(self, index: int) -> np.ndarray:
        """Read the coordinates of one sample: float32, (M, T, V, C), not shared with anybody."""
        return self._read('keypoint', index)

    def keypoint_score(self, index: int) -> np.ndarray | None:
        """Read the confidences of one sample: float32, (M, T, V); None where the file has none."""
        known = 'keypoint_score' in self._header.entries
        return self._read('keypoint_score', index) if known else None

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
        num_rows = opened.row_end.item(-1)
        for name in [n for n in ('keypoint', 'keypoint_score') if n in self._header.entries]:
            for start in range(0, num_rows, 65536):
                digest.update(self.read_rows(name, start, min(start + 65536, num_rows)).data)
        return digest.hexdigest()

    def _read(self, name: str, index: int) -> np.ndarray:
        """Read one sample of a tensor that has a row per person and frame."""
        tables, row_end, *_ = self._opened
        i = operator.index(index)
        if not -len(row_end) <= i < len(row_end):
            raise IndexError(f'sample {index} of {len(self)} in {self._path}')
        num_person, num_frames = tables['num_person'].item(i), tables['num_frames'].item(i)
        stop = row_end.item(i)
        rows = self.read_rows(name, stop - num_person * num_frames, stop)
        shaped = rows.reshape(num_person, num_frames, *rows.shape[1:])
        return shaped.astype(np.float32, copy=False)

    def _check_tables(self, tables: Mapping[str, np.ndarray], num_classes: int) -> np.ndarray:
        """Refuse tables that contradict each other; return where the samples' rows end."""
        entry = self._entry('keypoint', ('F32', 'F16'), (None, None, None))
        num_rows, num_joints, num_channels = entry.shape
        if 'keypoint_score' in self._header.entries:
            self._entry('keypoint_score', ('F32', 'F16'), (num_rows, num_joints))
        label, num_person, num_frames, num_nonfinite, _ = (tables[key] for key in _TABLES)
        if label.min() < 0 or label.max() >= num_classes:
            odd = label[(label < 0) | (label >= num_classes)][0]
            raise self._contradiction(f"'label': {odd} is outside the {num_classes} classes")
        # Compared before they are multiplied, which could overflow.
        if (
            min(num_person.min(), num_frames.min()) < 1
            or (num_person > num_rows // num_frames).any()
        ):
            raise self._contradiction("'num_person', 'num_frames': outside the rows of 'keypoint'")
        num_values = num_person * num_frames
        row_end = np.cumsum(num_values)
        if row_end[-1] != num_rows or (row_end[1:] < row_end[:-1]).any():
            raise self._contradiction(
                f"'num_person', 'num_frames': {counted(row_end[-1], 'row')}, 'keypoint' has "
                f'{num_rows}'
            )
        if (
            num_nonfinite.min() < 0
            or (num_nonfinite > num_values * (num_joints * num_channels)).any()
        ):
            raise self._contradiction("'num_nonfinite': not a number of coordinates")
        return row_end

    def _read_split(self, name: str, size: int) -> np.ndarray:
        """Read the positions of a split: inside the store, none twice."""
        key = SPLIT_PREFIX + name
        positions = self._table(key, 'I64', (None,))
        if len(positions) and not 0 <= positions.min() <= positions.max() < size:
            raise self._contradiction(f'{bounded_repr(key)}: a position outside the {size} samples')
        counts = np.bincount(positions, minlength=1)
        if counts.max() > 1:
            raise self._contradiction(f'{bounded_repr(key)}: position {counts.argmax()} twice')
        return positions

    def _check_layout(self) -> None:
        described = 'layout_description' in self._header.metadata
        description = self._json('layout_description', dict) if described else None
        try:
            check_stored_layout(self._text('layout'), description, self.num_joints)
        except ValueError as error:
            raise self._wrong('layout_description', str(error)) from None
