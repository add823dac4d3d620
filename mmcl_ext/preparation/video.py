"""Frames out of video files."""

import importlib.util
import os
from collections.abc import Sequence

import cv2
import numpy as np


def has_pyav() -> bool:
    """Tell whether PyAV can be imported; without it OpenCV decodes."""
    return importlib.util.find_spec('av') is not None


def count_frames(path: str | os.PathLike) -> int:
    """Count the frames of a video by reading it; headers of AVI files are often wrong.

    Raises:
        ValueError: If it cannot be opened or holds no frame.
    """
    count = _count_pyav(path) if has_pyav() else _count_opencv(path)
    if not count:
        raise ValueError(f'{path}: video without a single frame')
    return count


def read_frames(path: str | os.PathLike, indices: Sequence[int]) -> list[np.ndarray]:
    """Read some frames of a video; only these are converted to images.

    Args:
        path: Video file.
        indices: Frame numbers from 0, in any order, repeats allowed.

    Returns:
        One (H, W, 3) uint8 BGR image per index.

    Raises:
        ValueError: If the video cannot be opened, a number is negative or the video ends before
            a wanted frame.
    """
    wanted = {int(index) for index in indices}
    if wanted and min(wanted) < 0:
        raise ValueError(f'{path}: frame {min(wanted)} does not exist')
    found = _read_pyav(path, wanted) if has_pyav() else _read_opencv(path, wanted)
    if missing := sorted(wanted - found.keys()):
        raise ValueError(f'{path}: frames {missing} cannot be read, the video ends before them')
    return [found[int(index)] for index in indices]


def _open_opencv(path: str | os.PathLike) -> cv2.VideoCapture:
    capture = cv2.VideoCapture(os.fspath(path))
    if not capture.isOpened():
        raise ValueError(f'{path}: not a readable video')
    return capture


def _count_opencv(path: str | os.PathLike) -> int:
    capture = _open_opencv(path)
    count = 0
    while capture.grab():
        count += 1
    return count


def _read_opencv(path: str | os.PathLike, wanted: set[int]) -> dict[int, np.ndarray]:
    capture = _open_opencv(path)
    found = {}
    for index in range(max(wanted, default=-1) + 1):
        # Without a seek: OpenCV's seeks are off by some frames in many containers.
        if not capture.grab():
            break
        if index in wanted:
            read, frame = capture.retrieve()
            if not read:
                break
            found[index] = frame
    return found


def _count_pyav(path: str | os.PathLike) -> int:
    import av

    try:
        with av.open(os.fspath(path)) as container:
            return sum(1 for _ in container.decode(video=0))
    except (av.error.FFmpegError, IndexError) as error:
        raise ValueError(f'{path}: not a readable video: {error}') from error


def _read_pyav(path: str | os.PathLike, wanted: set[int]) -> dict[int, np.ndarray]:
    import av

    found = {}
    last = max(wanted, default=-1)
    try:
        with av.open(os.fspath(path)) as container:
            for index, frame in enumerate(container.decode(video=0)):
                if index in wanted:
                    found[index] = frame.to_ndarray(format='bgr24')
                if index >= last:
                    break
    except (av.error.FFmpegError, IndexError) as error:
        raise ValueError(f'{path}: not a readable video: {error}') from error
    return found
