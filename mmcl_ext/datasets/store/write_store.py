"""Writing side of the annotation store."""

import json
import os
import shutil
import tempfile
from array import array
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from mmcl_ext.datasets.store.name_table import check_class_names, is_pickle, repeated
from mmcl_ext.datasets.store.skeleton_store import (
    FORMAT,
    FORMAT_VERSION,
    SPLIT_PREFIX,
    SkeletonStore,
)
from mmcl_ext.fileio.atomic_file import atomic_file
from mmcl_ext.fileio.name_file import name_file
from mmcl_ext.fileio.tensor_header import encode_header, frame_header
from mmcl_ext.graphs.layouts import get_layout

_INT = np.dtype('<i8')
_BYTE = np.dtype('u1')
_LARGEST = 10**15  # rows or samples; reserves room for their digits in the header


def write_store(
    path: str | os.PathLike,
    samples: Iterable[Mapping[str, Any]],
    *,
    layout: str,
    classes: Sequence[str],
    splits: Mapping[str, Sequence[str]],
    dtype: str = 'float32',
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Write skeletons to a file that :class:`SkeletonStore` reads.

    The samples are taken one at a time and written at once, so they may come from a generator and
    need not fit in memory. The file appears under its name when it is whole: an error or an
    interruption leaves nothing, or the former file, there. They are mappings with ``name``
    (unique), ``label`` (class, from 0) and ``keypoint`` (M, T, V, C), all or none of them with
    ``keypoint_score`` (M, T, V). The layout fixes V, the classes have the order of the labels, a
    split has names in the order wanted, ``dtype`` is ``'float32'`` or ``'float16'``, and
    ``metadata`` tell how the data were made, as JSON types. A ValueError if a sample or a split is
    wrong, which names the file, the sample and the field, or if the file would be named like a
    pickle.
    """
    check_store_name(path)
    writer = _StoreWriter(Path(path), layout, classes, splits, dtype, metadata or {})
    with _replacing(writer.path) as file, tempfile.TemporaryFile(dir=writer.path.parent) as scores:
        writer.write(file, scores, samples)


def check_store_name(path: str | os.PathLike) -> None:
    """Refuse a store that would be taken for an annotation pickle by its name (``.pkl``)."""
    if is_pickle(path):
        raise ValueError(f'a store is no pickle; name it *.safetensors, got {os.fspath(path)}')


@contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a neighbour of ``path`` that takes its name when the block ends well."""
    with atomic_file(path) as file:
        yield file
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # makes the new name durable, too
    finally:
        os.close(folder)


class _StoreWriter:
    """Checks samples and collects the tables of one file."""

    def __init__(
        self,
        path: Path,
        layout: str,
        classes: Sequence[str],
        splits: Mapping[str, Sequence[str]],
        dtype: str,
        metadata: Mapping[str, Any],
    ) -> None:
        self.path = path
        if dtype not in ('float32', 'float16'):
            raise ValueError(f"dtype {dtype!r}: known are 'float32' and 'float16'")
        self.dtype = np.dtype(dtype).newbyteorder('<')
        description = asdict(get_layout(layout))
        self.num_joints = len(description['joint_names'])
        self.num_channels: int | None = None
        self.has_score: bool | None = None
        with name_file(path):
            check_class_names(classes)
        self.num_classes = len(classes)
        self.splits = {key: list(names) for key, names in splits.items()}
        self.positions: dict[str, int] = {}
        keys = ('label', 'num_person', 'num_frames', 'num_nonfinite', 'name_end')
        self.tables = {key: array('q') for key in keys}
        self.metadata = dict(
            format=FORMAT,
            format_version=FORMAT_VERSION,
            layout=layout,
            layout_description=json.dumps(description),
            classes=json.dumps(list(classes)),
            splits=json.dumps(list(self.splits)),
            recipe=json.dumps(dict(metadata)),
        )

    def write(self, file: BinaryIO, scores: BinaryIO, samples: Iterable[Mapping[str, Any]]) -> None:
        """Write header, coordinates and tables; ``scores`` is a spool for the confidences."""
        room = -(-len(self._header(_LARGEST, _LARGEST, _LARGEST, 7)) // 8) * 8
        file.write(frame_header(b'', room))
        num_rows = 0
        for sample in samples:
            num_rows += self._write_sample(file, scores, sample)
        if num_rows == 0:
            raise ValueError(f'{self.path}: no samples to write')
        scores.seek(0)
        shutil.copyfileobj(scores, file)
        text = ''.join(self.positions).encode()
        padding = -file.tell() % 8
        file.write(bytes(padding))
        for table in self.tables.values():
            file.write(np.asarray(table, _INT).tobytes())
        for key, names in self.splits.items():
            file.write(self._split_positions(key, names).tobytes())
        file.write(text)
        file.seek(0)
        header = self._header(num_rows, len(self.positions), len(text), padding)
        file.write(frame_header(header, room))

    def _header(self, num_rows: int, num_samples: int, num_text: int, padding: int) -> bytes:
        """Return the header; the same function measures the room to keep for it."""
        # Before the first sample nothing is known: assume the longer of the two headers.
        channels = self.num_channels or _LARGEST
        shapes: dict[str, tuple[np.dtype, tuple[int, ...]]] = {}
        shapes['keypoint'] = (self.dtype, (num_rows, self.num_joints, channels))
        if self.has_score is not False:
            shapes['keypoint_score'] = (self.dtype, (num_rows, self.num_joints))
        shapes['padding'] = (_BYTE, (padding,))  # keeps the tables aligned for other readers
        shapes |= dict.fromkeys(self.tables, (_INT, (num_samples,)))
        shapes |= {SPLIT_PREFIX + key: (_INT, (len(names),)) for key, names in self.splits.items()}
        shapes['name_text'] = (_BYTE, (num_text,))
        return encode_header(shapes, self.metadata)

    def _split_positions(self, key: str, names: list[str]) -> np.ndarray:
        """Translate the names of a split into positions."""
        for name in names:
            if name not in self.positions:
                raise ValueError(f'{self.path}: split {key!r} names the unknown sample {name!r}')
        if (twice := repeated(names)) is not None:
            raise ValueError(f'{self.path}: split {key!r} names sample {twice!r} twice')
        return np.array([self.positions[name] for name in names], _INT)

    def _write_sample(self, file: BinaryIO, scores: BinaryIO, sample: Mapping[str, Any]) -> int:
        """Check and write one sample; return its number of rows (persons times frames)."""
        name = self._checked_name(sample)
        keypoint = self._checked_keypoint(name, sample)
        num_person, num_frames = keypoint.shape[:2]
        row = dict(
            label=self._checked_label(name, sample),
            num_person=num_person,
            num_frames=num_frames,
            num_nonfinite=keypoint.size - int(np.isfinite(keypoint).sum()),
            name_end=(self.tables['name_end'] or [0])[-1] + len(name.encode()),
        )
        self._write_score(scores, name, sample, keypoint.shape[:3])
        file.write(keypoint.data)
        self.positions[name] = len(self.positions)
        for key, value in row.items():
            self.tables[key].append(value)
        return num_person * num_frames

    def _fail(self, name: str, field: str, problem: str) -> ValueError:
        return ValueError(f'{self.path}: sample {name!r}: field {field!r}: {problem}')

    def _checked_name(self, sample: Mapping[str, Any]) -> str:
        name = sample.get('name')
        if not isinstance(name, str) or not name:
            raise self._fail(
                str(name), 'name', f'sample {len(self.positions)} needs a non-empty string'
            )
        if name in self.positions:
            raise self._fail(name, 'name', f'taken already, by sample {self.positions[name]}')
        return name

    def _checked_label(self, name: str, sample: Mapping[str, Any]) -> int:
        label = sample.get('label')
        if isinstance(label, bool) or not isinstance(label, (int, np.integer)):
            raise self._fail(name, 'label', f'expected an integer, got {label!r}')
        if not 0 <= label < self.num_classes:
            raise self._fail(name, 'label', f'{label} is outside the {self.num_classes} classes')
        return int(label)

    def _checked_keypoint(self, name: str, sample: Mapping[str, Any]) -> np.ndarray:
        """Return the coordinates (M, T, V, C) in the type of the file."""
        keypoint = np.asarray(sample.get('keypoint'))
        if keypoint.ndim != 4 or keypoint.dtype.kind not in 'fiu':
            problem = f'expected numbers (M, T, V, C), got {keypoint.dtype} of {keypoint.shape}'
            raise self._fail(name, 'keypoint', problem)
        wanted = (self.num_joints, self.num_channels or keypoint.shape[3])
        if 0 in keypoint.shape:
            raise self._fail(name, 'keypoint', f'empty, shape {keypoint.shape}')
        if keypoint.shape[2:] != wanted:
            problem = f'expected (V, C) = {wanted}, got {keypoint.shape[2:]}'
            raise self._fail(name, 'keypoint', problem)
        if keypoint.shape[3] not in (2, 3):
            problem = f'expected 2 or 3 coordinates, got {keypoint.shape[3]}'
            raise self._fail(name, 'keypoint', f'{problem}; confidences go into keypoint_score')
        self.num_channels = keypoint.shape[3]
        return self._cast(name, 'keypoint', keypoint)

    def _cast(self, name: str, field: str, values: np.ndarray) -> np.ndarray:
        """Change the type without turning a finite value into an infinite one."""
        with np.errstate(over='ignore', invalid='ignore'):  # signalling NaN
            stored = np.ascontiguousarray(values, self.dtype)
        if np.isinf(stored).sum() > np.isinf(values).sum():
            largest = np.abs(values[np.isfinite(values)]).max()
            raise self._fail(name, field, f'{largest} is too large for {self.dtype.name}')
        return stored

    def _write_score(
        self, scores: BinaryIO, name: str, sample: Mapping[str, Any], shape: tuple[int, ...]
    ) -> None:
        """Spool the confidences (M, T, V), which either all samples have or none."""
        score = sample.get('keypoint_score')
        if self.has_score is None:
            self.has_score = score is not None
        if self.has_score != (score is not None):
            raise self._fail(name, 'keypoint_score', 'present in some samples, absent in others')
        if score is None:
            return
        score = np.asarray(score)
        if score.shape != shape or score.dtype.kind not in 'fiu':
            problem = f'expected numbers of shape {shape}, got {score.dtype} of {score.shape}'
            raise self._fail(name, 'keypoint_score', problem)
        scores.write(self._cast(name, 'keypoint_score', score).data)


def write_subset(store: SkeletonStore, path: str | os.PathLike, names: Container[str]) -> None:
    """Write the named samples of a store, in its order, with their splits, to another ``path``."""
    kept = [i for i, name in enumerate(store.names) if name in names]
    # What a pickle said of each sample; a single value holds for all of them.
    fields = {
        key: [values[i] for i in kept] if len(values) > 1 else values
        for key, values in (store.metadata.get('annotation_fields') or {}).items()
    }
    splits = {key: places[np.isin(places, kept)] for key, places in store.splits.items()}
    metadata = store.metadata | (dict(annotation_fields=fields) if fields else {})
    copy_samples(store, path, kept, splits, metadata)


def copy_samples(
    store: SkeletonStore,
    path: str | os.PathLike,
    indices: Sequence[int],
    splits: Mapping[str, np.ndarray],
    metadata: Mapping[str, Any],
) -> None:
    """Write some samples of a store to another; splits are positions in the one that is read."""
    write_store(
        path,
        (_sample(store, index) for index in indices),
        layout=store.layout,
        classes=store.classes,
        splits={key: [store.names[i] for i in places.tolist()] for key, places in splits.items()},
        dtype=store.dtype.name,
        metadata=metadata,
    )


def _sample(store: SkeletonStore, index: int) -> dict[str, Any]:
    label, score = int(store.labels[index]), store.keypoint_score(index)
    sample = dict(name=store.names[index], label=label, keypoint=store.keypoint(index))
    return sample if score is None else dict(sample, keypoint_score=score)
