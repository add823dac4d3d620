"""What the skeleton transforms share."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from torch import Tensor

Coordinates = TypeVar('Coordinates', np.ndarray, Tensor)


class PrintableTransform(BaseTransform):
    """A transform that keeps its arguments as attributes of their names, and shows them."""

    def __repr__(self) -> str:
        shown = ', '.join(f'{k}={v!r}' for k, v in vars(self).items() if not k.startswith('_'))
        return f'{type(self).__name__}({shown})'


def take_frames(results: dict[str, Any], frames: np.ndarray | slice) -> dict[str, Any]:
    """Keep some frames of a sample's ``keypoint`` and, where it is there, ``keypoint_score``."""
    for key in ('keypoint', 'keypoint_score'):
        if key in results and isinstance(frames, slice):
            results[key] = results[key][:, frames]
        elif key in results:
            results[key] = results[key].take(frames, axis=1)
    results['total_frames'] = results['keypoint'].shape[1]
    return results


def real_frames(keypoint: np.ndarray, almost_zero: float = 0.0) -> np.ndarray:
    """Tell which frames (M, T) hold a body: a coordinate of a size above ``almost_zero``."""
    # Nearly always one look at one coordinate per frame tells: it is not zero.
    real = np.abs(keypoint[:, :, 0, 0]) > almost_zero
    if not real.all():
        doubtful = ~real
        size = np.abs(keypoint[doubtful])  # (frames, V, C)
        real[doubtful] = ~(size <= almost_zero).all(axis=(1, 2))
    return real


def translate(keypoint: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """Add one offset (C,) to every joint of every frame of (M, T, V, C), in a new array."""
    M, T, V, C = keypoint.shape
    # Over whole frames: numpy is slow where the innermost axis has three elements.
    offsets = np.empty((V, C), keypoint.dtype)
    offsets[:] = offset
    return (keypoint.reshape(M, T, V * C) + offsets.reshape(V * C)).reshape(keypoint.shape)


def rotation_matrix(angles: Sequence[float] | np.ndarray) -> np.ndarray:
    """Return rotations Rz Ry Rx (..., 3, 3), float64, by angles (..., 3) about x, y, z in radians.

    For column vectors, in CTR-GCN's sign convention: positive angles turn clockwise when looked at
    against the axis.
    """
    each = np.asarray(angles, np.float64).T
    (cx, cy, cz), (sx, sy, sz) = np.cos(each), np.sin(each)
    columns = np.array(
        [
            [cy * cz, -cy * sz, sy],
            [cx * sz + sx * sy * cz, cx * cz - sx * sy * sz, -sx * cy],
            [sx * sz - cx * sy * cz, sx * cz + cx * sy * sz, cx * cy],
        ]
    )
    return columns.T  # the batch axis comes to the front


def multiply(keypoint: Coordinates, matrix: np.ndarray) -> Coordinates:
    """Multiply the rows of (M, T, V, C) by a matrix (C, C), or of (N, ..., C) by one each of N."""
    rows = keypoint.reshape(*matrix.shape[:-2], -1, matrix.shape[-1])
    return (rows @ numbers_for(keypoint, matrix)).reshape(keypoint.shape)


def numbers_for(keypoint: Coordinates, numbers: np.ndarray) -> Coordinates:
    """Return numbers as a float32 array, or as a tensor like that of the coordinates."""
    if isinstance(keypoint, Tensor):
        tensor = torch.from_numpy(numbers).to(keypoint.dtype)
        return tensor.to(keypoint.device, non_blocking=True)
    return numbers.astype(np.float32)


def resize_time(
    keypoint: np.ndarray, num_frames: int, start: int = 0, stop: int | None = None
) -> np.ndarray:
    """Resample the frames ``start`` to ``stop`` (None: the end) of (M, T, V, C) linearly, float32.

    Frame centres are aligned, not corners: equals ``torch.nn.functional.interpolate(
    mode='bilinear', align_corners=False)`` along time. A single frame is repeated.
    """
    stop = keypoint.shape[1] if stop is None else stop
    before, after, weight_before, weight_after = _linear_weights(stop - start, num_frames)
    resized = keypoint.take(before + start, axis=1)
    resized *= weight_before
    following = keypoint.take(after + start, axis=1)
    following *= weight_after
    resized += following
    return resized


@lru_cache(maxsize=1024)
def _linear_weights(length: int, num_frames: int) -> tuple[np.ndarray, ...]:
    """Return the two frames next to each place, int64 (T,), and their weights (T, 1, 1)."""
    scale = np.float32(length / num_frames)
    centers = np.arange(num_frames, dtype=np.float32) + np.float32(0.5)
    position = np.maximum(centers * scale - np.float32(0.5), np.float32(0))
    before = position.astype(np.int64)
    after = np.minimum(before + 1, length - 1)
    weight = (position - before.astype(np.float32))[:, None, None]
    return before, after, 1 - weight, weight


def require_xyz(keypoint: np.ndarray | Tensor, transform: str) -> None:
    """Raise a ValueError for coordinates that are not three-dimensional."""
    if keypoint.shape[-1] != 3:
        raise ValueError(f'{transform} needs C = 3 coordinates, got C = {keypoint.shape[-1]}')
