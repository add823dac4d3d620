"""Cropping and resampling in time."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from mmcl_ext.datasets.transforms.geometry import real_frames, resize_time
from mmcl_ext.datasets.transforms.printable_transform import PrintableTransform
from mmcl_ext.registry import TRANSFORMS


@TRANSFORMS.register_module()
class ValidCropResize(PrintableTransform):
    """Crop the valid part of a sequence in time and resample it to a fixed length.

    The rule of CTR-GCN (Chen et al., ICCV 2021). With v the number of frames in
    which somebody is there (the first v frames are taken to be those, for the data set has
    left out the others):

    - ``p_interval=(p,)``: keep the middle, without trunc((1 - p) v / 2) frames at
      either end.
    - ``p_interval=(a, b)``: p is drawn from [a, b), the length is floor(p v), but at
      least ``min_length`` and at most v frames, the start is drawn uniformly.

    A sequence of one frame is repeated; one with nobody in it gives zeros.

    Modified keys: ``keypoint`` (M, T, V, C), ``total_frames``; ``keypoint_score``
    (M, T, V) where present.

    Args:
        window: Number of frames to give.
        p_interval: Share of the valid frames, one number or two.
        min_length: Shortest random crop, in frames.
    """

    def __init__(
        self,
        window: int = 64,
        p_interval: float | Sequence[float] = (0.5, 1.0),
        min_length: int = 64,
    ) -> None:
        p_interval = (p_interval,) if isinstance(p_interval, (int, float)) else tuple(p_interval)
        if len(p_interval) not in (1, 2) or not all(0 < p <= 1 for p in p_interval):
            raise ValueError(f'p_interval takes one or two numbers in (0, 1], got {p_interval}')
        if window < 1 or min_length < 1:
            raise ValueError(f'window {window} and min_length {min_length} must be positive')
        self.window = window
        self.p_interval = p_interval
        self.min_length = min_length

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Crop and resample the coordinates."""
        keypoint = results['keypoint']
        num_valid = int(np.count_nonzero(real_frames(keypoint).any(axis=0)))
        start, stop = self._crop(num_valid)
        results['keypoint'] = self._resize(keypoint, start, stop)
        if 'keypoint_score' in results:
            score = results['keypoint_score'][..., None]
            results['keypoint_score'] = self._resize(score, start, stop)[..., 0]
        results['total_frames'] = self.window
        return results

    def _crop(self, num_valid: int) -> tuple[int, int]:
        """Choose the frames ``start:stop`` to keep."""
        if len(self.p_interval) == 1:
            bias = int((1 - self.p_interval[0]) * num_valid / 2)
            return bias, num_valid - bias
        low, high = self.p_interval
        p = low + (high - low) * np.random.rand()
        length = min(max(math.floor(num_valid * p), self.min_length), num_valid)
        start = np.random.randint(0, num_valid - length + 1)
        return start, start + length

    def _resize(self, values: np.ndarray, start: int, stop: int) -> np.ndarray:
        if start == stop:
            shape = (values.shape[0], self.window, *values.shape[2:])
            return np.zeros(shape, values.dtype)
        return resize_time(values, self.window, start, stop)
