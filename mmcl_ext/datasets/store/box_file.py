"""Box files: person boxes of the frames of many samples, in one safetensors file.

The boxes of all samples lie back to back, with a table that says where each sample ends.
Opening reads the tables, a sample is three positioned reads; nothing is unpickled.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mmcl_ext.fileio.atomic_file import write_bytes
from mmcl_ext.fileio.tensor_container import (
    Entry,
    encode_header,
    frame_header,
    read_all,
    read_header,
    read_rows,
)

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


class _Opened(NamedTuple):
    """What is read once per process: the descriptor and the small tables."""

    fd: int
    entries: dict[str, Entry]
    names: tuple[str, ...]
    rows: dict[str, int]
    row_end: np.ndarray
    num_frames: np.ndarray
    image_size: np.ndarray
    metadata: dict[str, Any]


class BoxFile:
    """Random access to the samples of a box file.

    The object pickles as its path and opens the file again when it is first used.

    Args:
        path: File written by :func:`write_box_file`.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is damaged, cut short, or no box file.
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

    def __repr__(self) -> str:
        return f'{type(self).__name__}({self._path!r})'

    def __len__(self) -> int:
        return len(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self._opened.rows

    @cached_property
    def _opened(self) -> _Opened:
        if not os.path.isfile(self._path):
            raise FileNotFoundError(f'box file not found: {self._path}')
        fd = os.open(self._path, os.O_RDONLY | getattr(os, 'O_CLOEXEC', 0))
        try:
            return _load_tables(fd, self._path)
        except BaseException as error:
            os.close(fd)
            if isinstance(error, KeyError):
                raise ValueError(f'{self._path} is not a whole box file: {error}') from error
            raise

    @property
    def path(self) -> Path:
        """The file."""
        return Path(self._path)

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
        """
        return self._rows('boxes', name), self._rows('found', name).astype(bool)

    def frame_numbers(self, name: str) -> np.ndarray:
        """Read which frames of the video the T boxes of a sample belong to.

        Returns:
            (T,) int64, from 0.

        Raises:
            KeyError: The file has no such sample; names both.
        """
        return self._rows('frame_numbers', name)

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
        absent = read_all(opened.fd, opened.entries['found']) == 0
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
        return read_rows(opened.fd, opened.entries[tensor], start, int(opened.row_end[row]))


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
    tensors = _tensors(samples)
    header = encode_header(
        {key: (tensor.dtype, tensor.shape) for key, tensor in tensors.items()},
        {
            'format': _FORMAT,
            'format_version': _VERSION,
            'names': json.dumps(list(samples)),
            'recipe': json.dumps(dict(metadata or {})),
        },
    )
    room = -(-len(header) // 8) * 8  # the data start at a multiple of 8 bytes
    data = b''.join(tensor.tobytes() for tensor in tensors.values())
    write_bytes(path, frame_header(header, room) + data)


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
    boxes, numbers = np.asarray(sample.boxes), np.asarray(sample.frame_numbers)
    shapes = boxes.shape, np.shape(sample.found), numbers.shape
    num_boxes = len(boxes) if boxes.ndim else 0
    if not num_boxes or shapes != ((num_boxes, 4), (num_boxes,), (num_boxes,)):
        raise ValueError(
            f'sample {name!r}: expected boxes (T, 4), found (T,) and frame numbers (T,), '
            f'got {shapes[0]}, {shapes[1]} and {shapes[2]}'
        )
    sound = np.isfinite(boxes).all(1) & (boxes[:, 2:] > boxes[:, :2]).all(1)
    if not sound.all():
        raise ValueError(f'sample {name!r}: not a box: {boxes[np.argmin(sound)].tolist()}')
    if numbers.min() < 0 or numbers.max() >= sample.num_frames or (np.diff(numbers) < 0).any():
        raise ValueError(
            f'sample {name!r}: frame numbers {numbers.tolist()} are not ascending numbers of '
            f'{sample.num_frames} frames'
        )
    if len(sample.image_size) != 2 or min(sample.image_size) < 1:
        raise ValueError(f'sample {name!r}: image size {sample.image_size} is not (W, H)')


def _reopen_lazily(path: str) -> BoxFile:
    """Unpickle a box file: remember the path, touch no file yet."""
    file = BoxFile.__new__(BoxFile)
    file._path = path
    return file


def _load_tables(fd: int, path: str) -> _Opened:
    """Read and check everything but the boxes."""
    entries, metadata = read_header(fd, path)
    if metadata.get('format') != _FORMAT:
        raise ValueError(f'{path} is a safetensors file but not a box file')
    if metadata['format_version'] != _VERSION:
        raise ValueError(
            f'{path} has version {metadata["format_version"]} of the format; '
            f'this release reads version {_VERSION}'
        )
    names = tuple(json.loads(metadata['names']))
    keys = ('row_end', 'num_frames', 'image_size')
    row_end, num_frames, image_size = (read_all(fd, entries[key]) for key in keys)
    num_rows = int(row_end[-1]) if len(row_end) else 0
    lengths = {len(row_end), len(num_frames), len(image_size), len(names), len(set(names))}
    rows = {entries[key].shape[0] for key in ('boxes', 'found', 'frame_numbers')}
    if len(lengths) != 1 or rows != {num_rows} or (np.diff(row_end) < 1).any():
        raise ValueError(f'{path} is damaged: its tables contradict each other')
    positions = {name: row for row, name in enumerate(names)}
    recipe = json.loads(metadata['recipe'])
    return _Opened(fd, entries, names, positions, row_end, num_frames, image_size, recipe)
