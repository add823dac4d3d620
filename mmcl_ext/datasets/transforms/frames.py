"""Choice of frames: cropping, sampling and resampling in time."""

import math
import random
from collections.abc import Sequence
from typing import Any

import numpy as np

from mmcl_ext.datasets.transforms.geometry import (
    PrintableTransform,
    real_frames,
    resize_time,
    take_frames,
)
from mmcl_ext.registry import TRANSFORMS


@TRANSFORMS.register_module()
class PickFrames(PrintableTransform):
    """Choose a fixed number of frames in time order, repeating where too few.

    The rule of CTR-GCN for NW-UCLA. Evenly: trunc(linspace(0, T - 1, num_frames)).
    At random: drawn without replacement from 100 copies of every frame (more, where
    ``num_frames`` asks for more), sorted.

    Modified keys: ``keypoint`` (M, T, V, C), ``total_frames``; ``keypoint_score``
    (M, T, V) where present.
    """

    def __init__(self, num_frames: int = 52, random: bool = False) -> None:
        if num_frames < 1:
            raise ValueError(f'num_frames must be positive, got {num_frames}')
        self.num_frames = num_frames
        self.random = random

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Choose the frames."""
        return take_frames(results, self._frames(results['keypoint'].shape[1]))

    def _frames(self, length: int) -> np.ndarray:
        if not self.random:
            return np.linspace(0, length - 1, self.num_frames).astype(np.int64)
        copies = max(100, -(-self.num_frames // length))
        # Python's generator draws without replacement at a cost of the draws alone.
        drawn = random.sample(range(copies * length), self.num_frames)
        return np.sort(np.array(drawn) % length)


@TRANSFORMS.register_module()
class TrimStill(PrintableTransform):
    """Cut off the frames in which nobody has moved yet, and those in which all is over.

    For a network that was trained on tightly cut clips and is tested on longer ones. Kept
    are the frames from just before the first pose is left until just after the last pose is
    reached for good; a pose is left where a joint of a person is farther from it than
    ``distance``, in the unit of the coordinates; 0 cuts nothing.
    A clip without such a movement stays whole.

    Modified keys: ``keypoint`` (M, T, V, C), ``total_frames``; ``keypoint_score``
    (M, T, V) where present.
    """

    def __init__(self, distance: float = 0.15) -> None:
        if distance < 0:
            raise ValueError(f'distance must not be negative, got {distance}')
        self.distance = distance

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Cut the sequence."""
        if not self.distance:
            return results
        return take_frames(results, self._kept(results['keypoint']))

    def _kept(self, keypoint: np.ndarray) -> slice:
        real = np.flatnonzero(real_frames(keypoint).any(axis=0))
        if len(real) == 0:
            return slice(None)
        first, last = int(real[0]), int(real[-1])
        started, unfinished = self._away(keypoint, first), self._away(keypoint, last)
        if not started.any() or not unfinished.any():
            return slice(None)
        start = int(started.argmax()) - 1
        end = len(unfinished) - int(unfinished[::-1].argmax())
        return slice(max(start, first), min(end, last) + 1) if start < end else slice(None)

    def _away(self, keypoint: np.ndarray, frame: int) -> np.ndarray:
        """Tell which frames are not near the pose of one of them: bool, (T,)."""
        far = np.linalg.norm(keypoint - keypoint[:, frame : frame + 1], axis=-1) > self.distance
        return np.logical_or.reduce(far & real_frames(keypoint)[..., None], axis=(0, 2))


@TRANSFORMS.register_module()
class UniformSample(PrintableTransform):
    """Take clips of frames spread over the whole sequence, as PYSKL and MMAction2 do.

    One frame is drawn from each of ``clip_len`` equal parts of the sequence (PoseConv3D,
    Duan et al., CVPR 2022); a sequence shorter than a clip is looped. Does at once what
    MMAction2's UniformSampleFrames and PoseDecode do, with the same frames for the
    same state of numpy's generator.

    Modified keys: ``keypoint`` (M, T, V, C) becomes (M, num_clips * clip_len, V, C),
    ``total_frames``; ``keypoint_score`` (M, T, V) where present. Added keys:
    ``num_clips``, ``clip_len``, ``frame_inds`` (num_clips * clip_len,).

    Args:
        clip_len: Frames of a clip.
        num_clips: Clips per sequence.
        test_mode: Draw the same frames each time, from ``seed``; short sequences begin at
            evenly spread frames.
        seed: Seed of the test mode.
        p_interval: Smallest and largest share of the sequence to draw from, at a random
            place. None takes the whole. ``(1, 1)`` does, too, but draws a number more, as
            PYSKL does: its frames in test mode come out only so.
    """

    def __init__(
        self,
        clip_len: int = 100,
        num_clips: int = 1,
        test_mode: bool = False,
        seed: int = 255,
        p_interval: Sequence[float] | None = None,
    ) -> None:
        if clip_len < 1 or num_clips < 1:
            raise ValueError(f'clip_len {clip_len} and num_clips {num_clips} must be positive')
        if p_interval is not None:
            p_interval = tuple(p_interval)
            if len(p_interval) != 2 or not 0 < p_interval[0] <= p_interval[1] <= 1:
                raise ValueError(f'p_interval takes 0 < smallest <= largest <= 1, got {p_interval}')
        self.clip_len = clip_len
        self.num_clips = num_clips
        self.test_mode = test_mode
        self.seed = seed
        self.p_interval = p_interval

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Take the frames."""
        frames = self._frames(results['keypoint'].shape[1])
        results |= dict(num_clips=self.num_clips, clip_len=self.clip_len, frame_inds=frames)
        return take_frames(results, frames)

    def _frames(self, length: int) -> np.ndarray:
        """Choose the frames of all clips, one clip after the other."""
        rng = np.random.RandomState(self.seed) if self.test_mode else np.random
        clips = [self._clip(rng, length, clip) for clip in range(self.num_clips)]
        return np.concatenate(clips) % length

    def _clip(self, rng: Any, length: int, clip: int) -> np.ndarray:
        if self.p_interval is None:
            return self._spread(rng, length, clip)
        low, high = self.p_interval
        part = max(int((low + (high - low) * rng.rand()) * length), 1)
        return rng.randint(length - part + 1) + self._spread(rng, part, clip)

    def _spread(self, rng: Any, length: int, clip: int) -> np.ndarray:
        """Choose one frame from each equal part, or loop where there are too few."""
        size = self.clip_len
        if length < size:
            return np.arange(size) + self._start(rng, length, clip)
        if length < 2 * size:
            # Skip length - size frames; size + 1 places to skip one include the end.
            skipped = np.zeros(size + 1, np.int64)
            skipped[rng.permutation(size + 1)[: length - size]] = 1
            return np.arange(size) + skipped.cumsum()[:-1]
        bounds = np.arange(size + 1) * length // size
        return bounds[:-1] + rng.randint(np.diff(bounds))

    def _start(self, rng: Any, length: int, clip: int) -> int:
        if not self.test_mode:
            return rng.randint(0, length)
        return clip if length < self.num_clips else clip * length // self.num_clips


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

    Modified keys: ``keypoint`` (M, T, V, C), whose T becomes ``window``, ``total_frames``;
    ``keypoint_score`` (M, T, V) where present.
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
