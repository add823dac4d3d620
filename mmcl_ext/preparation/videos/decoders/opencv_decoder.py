"""Decoding with OpenCV."""

import os

import cv2
import numpy as np


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
    for index in range(max(wanted, default=-1) + 1):
        if not capture.grab():
            break
        if index in wanted:
            done, frame = capture.retrieve()
            if not done:
                break
            found[index] = frame
    return found


def _open(path: str | os.PathLike) -> cv2.VideoCapture:
    capture = cv2.VideoCapture(os.fspath(path))
    if not capture.isOpened():
        raise ValueError(f'{path}: not a readable video')
    return capture
