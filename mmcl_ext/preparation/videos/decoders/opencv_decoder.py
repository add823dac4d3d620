"""Decoding with OpenCV."""

import os
from collections.abc import Iterator

import cv2
import numpy as np

from mmcl_ext.fileio.image import check_image_size
from mmcl_ext.fileio.name_file import name_file


def count(path: str | os.PathLike) -> int:
    """Count the frames by passing over all of them."""
    capture = _open(path)
    number = 0
    while capture.grab():
        number += 1
    return number


def read(path: str | os.PathLike, wanted: set[int]) -> dict[int, np.ndarray]:
    """Read frames (H, W, 3) uint8 BGR without a seek; OpenCV seeks wrongly in many containers."""
    capture = _open(path)
    found = {}
    with name_file(path, cv2.error):
        for index in range(max(wanted, default=-1) + 1):
            if not capture.grab():
                break
            if index in wanted:
                done, frame = capture.retrieve()
                if not done:
                    break
                found[index] = frame
    return found


def frames(path: str | os.PathLike | int) -> Iterator[tuple[float, np.ndarray]]:
    """Yield seconds and frames (H, W, 3) uint8 BGR of a file, an address or a camera's number."""
    capture = _open(path)
    try:
        while True:
            with name_file(path, cv2.error):
                done, frame = capture.read()
            if not done:
                return
            yield capture.get(cv2.CAP_PROP_POS_MSEC) / 1000, frame
    finally:
        capture.release()


def _open(path: str | os.PathLike | int) -> cv2.VideoCapture:
    capture = cv2.VideoCapture(path if isinstance(path, int) else os.fspath(path))
    if not capture.isOpened():
        raise ValueError(f'{path}: not a readable video')
    with name_file(path):
        width, height = cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT
        check_image_size(capture.get(width), capture.get(height))
    return capture
