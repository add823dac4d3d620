"""Decoding with decord, which seeks by itself."""

import os
from typing import Any

import numpy as np


def count(path: str | os.PathLike) -> int:
    """Count the frames by decord's index of the file."""
    return len(_open(path))


def read(path: str | os.PathLike, wanted: set[int]) -> dict[int, np.ndarray]:
    """Read frames (H, W, 3) uint8 BGR by number."""
    reader = _open(path)
    numbers = sorted(index for index in wanted if index < len(reader))
    if not numbers:
        return {}
    try:
        frames = reader.get_batch(numbers).asnumpy()
    except RuntimeError as error:
        raise ValueError(f'{path}: cannot be decoded: {_first_line(error)}') from error
    images = np.ascontiguousarray(frames[..., ::-1])  # RGB to BGR
    return dict(zip(numbers, images, strict=True))


def _open(path: str | os.PathLike) -> Any:
    import decord

    decord.logging.set_level(decord.logging.QUIET)
    try:
        return decord.VideoReader(os.fspath(path), num_threads=1)
    except RuntimeError as error:
        raise ValueError(f'{path}: not a readable video: {_first_line(error)}') from error


def _first_line(error: Exception) -> str:
    return str(error).strip().partition('\n')[0]
