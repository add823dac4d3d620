"""Box files: person boxes of the frames of many samples, in one safetensors file.

The boxes of all samples lie back to back, with a table that says where each sample ends.
Opening reads the tables, a sample is three positioned reads; nothing is unpickled.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from mmcl_ext.datasets.store.name_table import NamedSamples
from mmcl_ext.fileio.as_float32 import as_float32
from mmcl_ext.fileio.printable import bounded_repr, counted
from mmcl_ext.fileio.tensor_container import is_finite, write_tensors

_FORMAT = 'mmcl_ext.boxes'
_VERSION = '1'


@dataclass(frozen=True)
class SampleBoxes:
    """One person box for each of T frames of a sample.

    ``boxes`` (T, 4) are x1, y1, x2, y2 in pixels of the frames, whose width and height is the
    ``image_size``; where no person was ``found`` (T,) they are the whole frame, or what else the
    maker's fallback says. ``frame_numbers`` (T,) of the video's ``num_frames`` are counted from 0
    and ascend; repeats are allowed.
    """

    boxes: np.ndarray
    found: np.ndarray
    frame_numbers: np.ndarray
    num_frames: int
    image_size: tuple[int, int]


class BoxCount(NamedTuple):
    """All boxes of a file, those of frames without a person, and the samples with such frames."""

    boxes: int
    without_person: int
    samples: int


class _Tables(NamedTuple):
    """What is read once per process."""

    names: tuple[str, ...]
    rows: dict[str, int]
    row_end: np.ndarray
    num_frames: np.ndarray
    image_size: np.ndarray
    metadata: dict[str, Any]


class BoxFile(NamedSamples):
    """Random access to the samples of a file written by :func:`write_box_file`.

    A KeyError names the file and a sample that it does not have.
    """

    kind = 'box file'
    format = (_FORMAT, _VERSION)

    @cached_property
    def _opened(self) -> _Tables:
        """Read and check everything but the boxes."""
        names = self._names('names')
        size = len(names)
        row_end = self._table('row_end', 'I64', (size,))
        num_frames = self._table('num_frames', 'I64', (size,))
        image_size = self._table('image_size', 'I64', (size, 2))
        positions = {name: row for row, name in enumerate(names)}
        if len(positions) != size or not size:
            raise self._wrong('names', 'a sample occurs more than once, or there is none')
        if row_end[0] < 1 or (np.diff(row_end) < 1).any():
            raise self._contradiction("'row_end' does not ascend")
        if min(num_frames.min(), image_size.min()) < 1:
            raise self._contradiction("'num_frames' or 'image_size' holds a number below 1")
        num_rows = int(row_end[-1])
        self._entry('boxes', ('F32',), (num_rows, 4))
        self._entry('found', ('U8',), (num_rows,))
        self._entry('frame_numbers', ('I64',), (num_rows,))
        recipe = self._json('recipe', dict)
        return _Tables(names, positions, row_end, num_frames, image_size, recipe)

    @property
    def metadata(self) -> dict[str, Any]:
        """How the boxes were made, as the writer was told."""
        return self._opened.metadata

    def read(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Read the boxes of a sample: (T, 4) float32 x1, y1, x2, y2 in pixels.

        Also (T,) bool, False where no person was found. A ValueError names the file, the sample and
        the field of what cannot be.
        """
        boxes, found = self._rows('boxes', name), self._rows('found', name)
        if found.max() > 1:
            raise self._wrong_sample(name, 'found', 'holds something else than 0 and 1')
        if (problem := _box_problem(boxes)) is not None:
            raise self._wrong_sample(name, 'boxes', problem)
        return boxes, found.astype(bool)

    def frame_numbers(self, name: str) -> np.ndarray:
        """Read which frames of the video the T boxes of a sample belong to: (T,) int64, from 0."""
        numbers = self._rows('frame_numbers', name)
        if (problem := _number_problem(numbers, self.num_frames(name))) is not None:
            raise self._wrong_sample(name, 'frame_numbers', problem)
        return numbers

    def num_frames(self, name: str) -> int:
        """Tell how many frames the whole video of a sample has."""
        return int(self._opened.num_frames[self._row(name)])

    def image_size(self, name: str) -> tuple[int, int]:
        """Tell width and height in pixels of the frames that the boxes were made for."""
        width, height = self._opened.image_size[self._row(name)].tolist()
        return width, height

    def count(self) -> 'BoxCount':
        """Count boxes, those without a person, and the samples that have such."""
        opened = self._opened
        absent = self.read_all('found') == 0
        starts = np.concatenate([[0], opened.row_end[:-1]])
        samples = np.count_nonzero(np.logical_or.reduceat(absent, starts))
        return BoxCount(len(absent), int(np.count_nonzero(absent)), int(samples))

    def _rows(self, tensor: str, name: str) -> np.ndarray:
        opened, row = self._opened, self._row(name)
        start = int(opened.row_end[row - 1]) if row else 0
        return self.read_rows(tensor, start, int(opened.row_end[row]))


def write_box_file(
    path: str | os.PathLike,
    samples: Mapping[str, SampleBoxes],
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Write the boxes of samples, in the order wanted; the file appears when it is complete.

    ``metadata`` tell how the boxes were made, as JSON types. A ValueError if there are no samples,
    or one is malformed, which names it.
    """
    if not samples:
        raise ValueError(f'{path}: no samples to write')
    for name, sample in samples.items():
        _check_sample(name, sample)
    header = {
        'format': _FORMAT,
        'format_version': _VERSION,
        'names': json.dumps(list(samples)),
        'recipe': json.dumps(dict(metadata or {})),
    }
    write_tensors(path, _tensors(samples), header)


def _tensors(samples: Mapping[str, SampleBoxes]) -> dict[str, np.ndarray]:
    """Set the samples back to back; wide element types first, which keeps all aligned."""
    values = list(samples.values())
    return {
        'row_end': np.cumsum([len(sample.boxes) for sample in values]).astype('<i8'),
        'num_frames': np.array([sample.num_frames for sample in values], '<i8'),
        'image_size': np.array([sample.image_size for sample in values], '<i8'),
        'frame_numbers': np.concatenate([s.frame_numbers for s in values]).astype('<i8'),
        'boxes': np.concatenate([sample.boxes for sample in values]).astype('<f4'),
        'found': np.concatenate([sample.found for sample in values]).astype('u1'),
    }


def _check_sample(name: str, sample: SampleBoxes) -> None:
    """Refuse boxes that nobody could crop by."""
    boxes = as_float32(sample.boxes)
    numbers = np.asarray(sample.frame_numbers)
    shapes = boxes.shape, np.shape(sample.found), numbers.shape
    num_boxes = len(boxes) if boxes.ndim else 0
    if not num_boxes or shapes != ((num_boxes, 4), (num_boxes,), (num_boxes,)):
        raise ValueError(
            f'sample {name!r}: expected boxes (T, 4), found (T,) and frame numbers (T,), '
            f'got {shapes[0]}, {shapes[1]} and {shapes[2]}'
        )
    problem = _box_problem(boxes) or _number_problem(numbers, sample.num_frames)
    if problem is not None:
        raise ValueError(f'sample {name!r}: {problem}')
    if len(sample.image_size) != 2 or min(sample.image_size) < 1:
        raise ValueError(f'sample {name!r}: image size {sample.image_size} is not (W, H)')


def _box_problem(boxes: np.ndarray) -> str | None:
    """Say which of the boxes (T, 4) is none."""
    ordered = boxes[:, 2:] > boxes[:, :2]
    if ordered.all() and is_finite(boxes):
        return None
    sound = np.isfinite(boxes).all(1) & ordered.all(1)
    return f'not a box: {boxes[np.argmin(sound)].tolist()}'


def _number_problem(numbers: np.ndarray, num_frames: int) -> str | None:
    """Say that frame numbers (T,) are not ascending numbers of the video's frames."""
    if numbers[0] >= 0 and numbers[-1] < num_frames and (np.diff(numbers) >= 0).all():
        return None
    shown = bounded_repr(numbers.tolist())
    return f'frame numbers {shown} are not ascending numbers of {counted(num_frames, "frame")}'
