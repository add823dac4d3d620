"""Functions that the skeleton transforms share."""

from collections.abc import Sequence

import numpy as np


def real_frames(keypoint: np.ndarray) -> np.ndarray:
    """Tell which frames of which person hold a body: those that are not all zero.

    Args:
        keypoint: (M, T, V, C).

    Returns:
        bool, (M, T).
    """
    return np.any(keypoint, axis=(2, 3))


def rotation_matrix(angles: Sequence[float]) -> np.ndarray:
    """Return the rotation Rz Ry Rx for column vectors, in CTR-GCN's sign convention.

    Positive angles turn clockwise when looked at against the axis.

    Args:
        angles: About x, y and z, in radians.

    Returns:
        float64, (3, 3).
    """
    (cx, cy, cz), (sx, sy, sz) = np.cos(angles), np.sin(angles)
    about_x = np.array([[1, 0, 0], [0, cx, sx], [0, -sx, cx]])
    about_y = np.array([[cy, 0, -sy], [0, 1, 0], [sy, 0, cy]])
    about_z = np.array([[cz, sz, 0], [-sz, cz, 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


def resize_time(keypoint: np.ndarray, num_frames: int) -> np.ndarray:
    """Resample a sequence linearly, frame centres aligned (no aligned corners).

    Equals ``torch.nn.functional.interpolate(mode='bilinear', align_corners=False)``
    along time. A single frame is repeated.

    Args:
        keypoint: (M, T, V, C) with T > 0, float32.
        num_frames: Length wanted.

    Returns:
        float32, (M, num_frames, V, C).
    """
    length = keypoint.shape[1]
    scale = np.float32(length / num_frames)
    centers = np.arange(num_frames, dtype=np.float32) + np.float32(0.5)
    position = np.maximum(centers * scale - np.float32(0.5), np.float32(0))
    before = position.astype(np.int64)
    after = np.minimum(before + 1, length - 1)
    weight = (position - before.astype(np.float32))[:, None, None]  # (T, 1, 1)
    return keypoint[:, before] * (1 - weight) + keypoint[:, after] * weight


def require_xyz(keypoint: np.ndarray, transform: str) -> None:
    """Refuse coordinates that are not three-dimensional.

    Raises:
        ValueError: C is not 3.
    """
    if keypoint.shape[-1] != 3:
        raise ValueError(f'{transform} needs C = 3 coordinates, got C = {keypoint.shape[-1]}')
