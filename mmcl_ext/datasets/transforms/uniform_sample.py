"""Uniform sampling of frames."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from mmcl_ext.datasets.transforms.printable_transform import PrintableTransform
from mmcl_ext.registry import TRANSFORMS


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
        results['keypoint'] = results['keypoint'].take(frames, axis=1)
        if 'keypoint_score' in results:
            results['keypoint_score'] = results['keypoint_score'].take(frames, axis=1)
        results['total_frames'] = len(frames)
        results['num_clips'] = self.num_clips
        results['clip_len'] = self.clip_len
        results['frame_inds'] = frames
        return results

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
