"""Clips out of files that somebody uploads: nobody vouches for them."""

import itertools
import os
import zlib
from pathlib import Path

from mmcl_ext.inference.read_clips import read_clips
from mmcl_ext.inference.skeleton_clip import SkeletonClip
from mmcl_ext.web.folder_clips import ONE_CLIP

ENDINGS = (*ONE_CLIP, '.pkl', '.safetensors')
"""Endings of the files that can be uploaded."""
MAX_CLIPS = 500
MAX_UNPACKED = 64 * 2**20
"""Bytes, of what a file unpacks to and of all its clips."""

_MATLAB_HEADER = 128
_MATLAB_COMPRESSED = 15


def take_upload(
    path: str | os.PathLike, layout: str | None, model_layout: str, max_bytes: int
) -> list[SkeletonClip]:
    """Read the clips of an uploaded file and delete it, whatever happens.

    Nothing in the file is executed, and no more is read than the limits allow.

    Args:
        path: The file, which is deleted.
        layout: Layout of the joints, where the file does not say it.
        model_layout: Layout to take where nothing says or shows another one.
        max_bytes: Limit of the file's size.

    Returns:
        At least one clip, at most ``MAX_CLIPS``.

    Raises:
        ValueError: The file is too large, damaged, empty or of an unknown kind; the message
            names it without its folder.
    """
    path = Path(path)
    try:
        _check_size(path, max_bytes)
        clips = read_clips(path, layout, model_layout=model_layout)
        return _within_limits(path.name, list(itertools.islice(clips, MAX_CLIPS + 1)))
    except _TooLargeError:
        raise
    except Exception as error:  # hostile bytes may raise any type
        reason = str(error).replace(str(path), path.name) or type(error).__name__
        named = reason if path.name in reason else f'{path.name}: {reason}'
        raise ValueError(named) from error
    finally:
        path.unlink(missing_ok=True)


class _TooLargeError(ValueError):
    """A limit is exceeded; the message is ready to be read."""


def _check_size(path: Path, max_bytes: int) -> None:
    if path.suffix.lower() not in ENDINGS:
        raise _TooLargeError(f'{path.name}: the page reads files that end in {", ".join(ENDINGS)}')
    size = path.stat().st_size
    if size > max_bytes:
        raise _TooLargeError(
            f'{path.name} has {size / 2**20:.1f} MiB, the limit is {max_bytes / 2**20:.1f} MiB'
        )
    if not size:
        raise _TooLargeError(f'{path.name} is empty')
    if path.suffix.lower() == '.mat':
        check_matlab_size(path.read_bytes(), path.name)


def _within_limits(name: str, clips: list[SkeletonClip]) -> list[SkeletonClip]:
    if not clips:
        raise _TooLargeError(f'{name} holds no clip')
    if len(clips) > MAX_CLIPS:
        raise _TooLargeError(f'{name} holds more than {MAX_CLIPS} clips')
    if sum(clip.keypoint.nbytes for clip in clips) > MAX_UNPACKED:
        raise _TooLargeError(f'{name}: its clips take more than {MAX_UNPACKED // 2**20} MiB')
    return clips


def check_matlab_size(data: bytes, name: str, limit: int = MAX_UNPACKED) -> None:
    """Refuse a MATLAB file (version 5) whose compressed elements unpack to too much.

    Only counts: a file that is damaged passes and is left to the reader.

    Args:
        data: The file.
        name: What to call it.
        limit: Bytes that all elements together may have.

    Raises:
        ValueError: It is too large.
    """
    order = 'big' if data[126:128] == b'MI' else 'little'
    place, total = _MATLAB_HEADER, 0
    while place + 8 <= len(data):
        kind = int.from_bytes(data[place : place + 4], order)  # type: ignore[arg-type]
        length = int.from_bytes(data[place + 4 : place + 8], order)  # type: ignore[arg-type]
        body = data[place + 8 : place + 8 + length]
        total += _unpacked(body, limit) if kind == _MATLAB_COMPRESSED else len(body)
        if total > limit:
            raise _TooLargeError(f'{name} unpacks to more than {limit // 2**20} MiB')
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
