"""Decoding with decord, which seeks by itself."""

import os
from typing import Any

import numpy as np


def count(path: str | os.PathLike) -> int:
    """Count the frames by decord's index of the file."""
    return len(_open(path))


def read(path: str | os.PathLike, wanted: set[int]) -> dict[int, np.ndarray]:
    """Read frames (H, W, 3) uint8 BGR by number."""
    import decord

    reader = _open(path)
    numbers = sorted(index for index in wanted if index < len(reader))
    try:
        # One by one: batches of turned videos fail in decord 0.6.
        images = [reader[number].asnumpy() for number in numbers]
    except decord.DECORDError as error:
        raise ValueError(f'{path}: cannot be decoded: {_first_line(error)}') from error
    if any(image.shape[2] != 3 for image in images):
        raise ValueError(
            f'{path}: decord 0.6 garbles videos that are to be shown turned: take another backend'
        )
    # RGB to BGR
    return {n: np.ascontiguousarray(i[..., ::-1]) for n, i in zip(numbers, images, strict=True)}


def _open(path: str | os.PathLike) -> Any:
    import decord

    decord.logging.set_level(decord.logging.QUIET)
    try:
        return decord.VideoReader(os.fspath(path), num_threads=1)
    except (decord.DECORDError, RuntimeError) as error:
        raise ValueError(f'{path}: not a readable video: {_first_line(error)}') from error


def _first_line(error: Exception) -> str:
    return str(error).strip().partition('\n')[0]
