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

from mmcl_ext.fileio.as_float32 import as_float32
from mmcl_ext.fileio.printable import bounded_repr
from mmcl_ext.fileio.tensor_container import TensorContainer, is_finite, write_tensors

_FORMAT = 'mmcl_ext.boxes'
_VERSION = '1'


@dataclass(frozen=True)
class SampleBoxes:
    """One person box for each of T frames of a sample.

    Attributes:
        boxes: (T, 4) x1, y1, x2, y2 in pixels of the frames; the whole frame, or what else the
            maker's fallback says, where no person was found.
        found: (T,) bool, whether a person was found in the frame.
        frame_numbers: (T,) numbers of the video's frames, from 0, ascending; repeats allowed.
        num_frames: Number of frames of the whole video.
        image_size: Width and height of the frames in pixels.
    """

    boxes: np.ndarray
    found: np.ndarray
    frame_numbers: np.ndarray
    num_frames: int
    image_size: tuple[int, int]


class BoxCount(NamedTuple):
    """Counts of a box file.

    Attributes:
        boxes: All boxes.
        without_person: Boxes of frames in which no person was found.
        samples: Samples that have such a frame.
    """

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


class BoxFile(TensorContainer):
    """Random access to the samples of a box file.

    Args:
        path: File written by :func:`write_box_file`.
    """

    kind = 'box file'
    format = (_FORMAT, _VERSION)

    def __len__(self) -> int:
        return len(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self._opened.rows

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
    def names(self) -> tuple[str, ...]:
        """Names of the samples, unique, in the order they were written."""
        return self._opened.names

    @property
    def metadata(self) -> dict[str, Any]:
        """How the boxes were made, as the writer was told."""
        return self._opened.metadata

    def read(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Read the boxes of a sample.

        Returns:
            Boxes (T, 4) float32 x1, y1, x2, y2 in pixels, and (T,) bool, False where no person
            was found.

        Raises:
            KeyError: The file has no such sample; names both.
            ValueError: A box cannot be; names the file, the sample and the field.
        """
        boxes, found = self._rows('boxes', name), self._rows('found', name)
        if found.max() > 1:
            raise self._wrong_sample(name, 'found', 'holds something else than 0 and 1')
        if (problem := _box_problem(boxes)) is not None:
            raise self._wrong_sample(name, 'boxes', problem)
        return boxes, found.astype(bool)

    def frame_numbers(self, name: str) -> np.ndarray:
        """Read which frames of the video the T boxes of a sample belong to.

        Returns:
            (T,) int64, from 0.

        Raises:
            KeyError: The file has no such sample; names both.
            ValueError: The numbers are not those of the video; names file, sample and field.
        """
        numbers = self._rows('frame_numbers', name)
        if (problem := _number_problem(numbers, self.num_frames(name))) is not None:
            raise self._wrong_sample(name, 'frame_numbers', problem)
        return numbers

    def num_frames(self, name: str) -> int:
        """Tell how many frames the whole video of a sample has.

        Raises:
            KeyError: The file has no such sample; names both.
        """
        return int(self._opened.num_frames[self._row(name)])

    def image_size(self, name: str) -> tuple[int, int]:
        """Tell width and height in pixels of the frames that the boxes were made for.

        Raises:
            KeyError: The file has no such sample; names both.
        """
        width, height = self._opened.image_size[self._row(name)].tolist()
        return width, height

    def count(self) -> 'BoxCount':
        """Count boxes, those without a person, and the samples that have such."""
        opened = self._opened
        absent = self.read_all('found') == 0
        starts = np.concatenate([[0], opened.row_end[:-1]])
        samples = np.count_nonzero(np.logical_or.reduceat(absent, starts))
        return BoxCount(len(absent), int(np.count_nonzero(absent)), int(samples))

    def _row(self, name: str) -> int:
        if name not in self._opened.rows:
            raise KeyError(f'{self._path} has no sample {name!r}')
        return self._opened.rows[name]

    def _rows(self, tensor: str, name: str) -> np.ndarray:
        opened, row = self._opened, self._row(name)
        start = int(opened.row_end[row - 1]) if row else 0
        return self.read_rows(tensor, start, int(opened.row_end[row]))

    def _wrong_sample(self, name: str, field: str, problem: str) -> ValueError:
        return ValueError(f'{self._path}: sample {bounded_repr(name)}: field {field!r}: {problem}')


def write_box_file(
    path: str | os.PathLike,
    samples: Mapping[str, SampleBoxes],
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Write a box file under a temporary name and move it into place.

    Args:
        path: File to write; its folder is made, an existing file is replaced.
        samples: Boxes by sample name, in the order wanted.
        metadata: How the boxes were made; anything that JSON can hold.

    Raises:
        ValueError: There are no samples, or one is malformed; names it.
        OSError: The file cannot be written; an older file of that name is left as it was.
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
    """Refuse boxes that nobody could crop by.

    Raises:
        ValueError: Shapes, boxes, frame numbers or sizes are wrong; names the sample.
    """
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
    return f'frame numbers {shown} are not ascending numbers of {num_frames} frames'
