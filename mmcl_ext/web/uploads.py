"""Clips out of files that somebody uploads: nobody vouches for them."""

import io
import itertools
import json
import os
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from mmcl_ext.fileio.printable import counted
from mmcl_ext.inference.read_clips import ClipDefaults, read_clips
from mmcl_ext.inference.skeleton_clip import SkeletonClip
from mmcl_ext.parallel.limited_process import ProcessLimits, call_limited
from mmcl_ext.web.folder_clips import ONE_CLIP

ENDINGS = (*ONE_CLIP, '.pkl', '.safetensors')
"""Endings of the files that can be uploaded."""
MAX_CLIPS = 500
MAX_UNPACKED = 64 * 2**20
"""Bytes, of what a file unpacks to and of all its clips."""
READ_SECONDS = 20.0
READ_MEMORY = 512 * 2**20
"""What the process that reads a file may use."""

_ARRAY = '\0array'

_MATLAB_HEADER = 128
_MATLAB_COMPRESSED = 15


def take_upload(
    path: str | os.PathLike, layout: str | None, defaults: ClipDefaults, max_bytes: int
) -> list[SkeletonClip]:
    """Read 1 to ``MAX_CLIPS`` clips of an uploaded file and delete it, whatever happens.

    Nothing in the file is executed. It is read in a process of its own with limits of time and
    memory, from which only arrays and plain values come back. A file that is larger than
    ``max_bytes``, damaged, empty or of an unknown kind is a ValueError, which names it without its
    folder. ``layout`` and ``defaults`` are those of :func:`read_clips`.
    """
    path = Path(path)
    with taken(path, max_bytes, ENDINGS):
        arguments = (path, layout, defaults, MAX_CLIPS, MAX_UNPACKED)
        limits = ProcessLimits(READ_SECONDS, READ_MEMORY, 2 * MAX_UNPACKED + 2**20)
        return _unpacked_clips(call_limited(_read_packed, *arguments, limits=limits))


@contextmanager
def taken(path: Path, max_bytes: int, endings: Sequence[str]) -> Iterator[None]:
    """Delete an upload at the end; what is wrong with it is a ValueError without its folder."""
    try:
        _check_size(path, max_bytes, endings)
        yield
    except Exception as error:  # hostile bytes may raise any type
        reason = str(error).replace(str(path), path.name) or type(error).__name__
        named = reason if path.name in reason else f'{path.name}: {reason}'
        raise ValueError(named) from error
    finally:
        path.unlink(missing_ok=True)


def _read_packed(
    path: Path, layout: str | None, defaults: ClipDefaults, max_clips: int, max_bytes: int
) -> bytes:
    """Read a file, in a process of its own; return its clips as bytes."""
    clips = list(itertools.islice(read_clips(path, layout, defaults), max_clips + 1))
    if not clips:
        raise ValueError(f'{path.name} holds no clip')
    if len(clips) > max_clips:
        raise ValueError(f'{path.name} holds more than {counted(max_clips, "clip")}')
    if sum(clip.keypoint.nbytes for clip in clips) > max_bytes:
        raise ValueError(f'{path.name}: its clips take more than {max_bytes // 2**20} MiB')
    return _packed_clips(clips)


def _packed_clips(clips: list[SkeletonClip]) -> bytes:
    """Return clips as an ``.npz`` of their arrays and JSON, in which others than plain are None."""
    arrays: list[np.ndarray] = []

    def plain(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            arrays.append(value)
            return {_ARRAY: len(arrays) - 1}
        return value.item() if isinstance(value, np.generic) else None

    text = json.dumps([vars(clip) for clip in clips], default=plain, skipkeys=True)
    file = io.BytesIO()
    np.savez(file, np.frombuffer(text.encode(), np.uint8), *arrays)
    return file.getvalue()


def _unpacked_clips(data: bytes) -> list[SkeletonClip]:
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        text, *arrays = [file[name] for name in file.files]

    def filled(value: dict[str, Any]) -> Any:
        return arrays[value[_ARRAY]] if value.keys() == {_ARRAY} else value

    return [SkeletonClip(**clip) for clip in json.loads(text.tobytes(), object_hook=filled)]


def _check_size(path: Path, max_bytes: int, endings: Sequence[str]) -> None:
    if path.suffix.lower() not in endings:
        raise ValueError(f'{path.name}: the page reads files that end in {", ".join(endings)}')
    size = path.stat().st_size
    if size > max_bytes:
        raise ValueError(
            f'{path.name} has {size / 2**20:.1f} MiB, the limit is {max_bytes / 2**20:.1f} MiB'
        )
    if not size:
        raise ValueError(f'{path.name} is empty')
    if path.suffix.lower() == '.mat':
        check_matlab_size(path.read_bytes(), path.name)


def check_matlab_size(data: bytes, name: str, limit: int = MAX_UNPACKED) -> None:
    """Refuse a MATLAB file (version 5) whose compressed elements unpack to too many bytes."""
    order = 'big' if data[126:128] == b'MI' else 'little'
    place, total = _MATLAB_HEADER, 0
    while place + 8 <= len(data):
        kind = int.from_bytes(data[place : place + 4], order)  # type: ignore[arg-type]
        length = int.from_bytes(data[place + 4 : place + 8], order)  # type: ignore[arg-type]
        body = data[place + 8 : place + 8 + length]
        total += _unpacked(body, limit) if kind == _MATLAB_COMPRESSED else len(body)
        if total > limit:
            raise ValueError(f'{name} unpacks to more than {limit // 2**20} MiB')
        # Compressed elements follow each other at once, others at multiples of eight bytes.
        place += 8 + (length if kind == _MATLAB_COMPRESSED else -(-length // 8) * 8)


def _unpacked(body: bytes, limit: int) -> int:
    """Count the bytes that zlib makes of ``body``, up to just over the limit."""
    unpacker, total = zlib.decompressobj(), 0
    try:
        while body and total <= limit:
            total += len(unpacker.decompress(body, 2**20))
            body = unpacker.unconsumed_tail
    except zlib.error:
        pass  # the reader says it better
    return total
