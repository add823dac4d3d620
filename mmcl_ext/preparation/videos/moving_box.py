"""Where in the frames of a resting camera something moves."""

from collections.abc import Sequence

import cv2
import numpy as np


def moving_box(
    frames: Sequence[np.ndarray], difference: float = 25, share: float = 0.03
) -> tuple[np.ndarray, bool]:
    """Box what differs from the clip's median image: one square for the whole clip.

    Args:
        frames: T images (H, W, 3), uint8, BGR.
        difference: Grey levels by which a pixel has to differ from its median over the clip.
        share: Share of the frames in which it has to.

    Returns:
        (4,) x1, y1, x2, y2 in pixels, moved into the image, and cut by it where it is larger;
        and whether anything moves: if not, the box is the whole image.
    """
    grey = np.stack([cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY) for frame in frames])  # (T, H, W)
    changes = np.abs(grey - np.median(grey, axis=0)) > difference
    rows, columns = np.nonzero(changes.mean(axis=0) > share)
    size = np.array(grey.shape[:0:-1], np.float64)  # W, H
    if not len(rows):
        return np.array([0, 0, *size]), False
    low = np.array([columns.min(), rows.min()], np.float64)
    high = np.array([columns.max() + 1, rows.max() + 1], np.float64)
    side = (high - low).max()
    start = np.clip((low + high - side) / 2, 0, np.maximum(size - side, 0))
    return np.concatenate([start, np.minimum(start + side, size)]), True
