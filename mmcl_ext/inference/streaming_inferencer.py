import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmcl_ext.datasets.converters.person_tracker import PersonTracker
from mmcl_ext.graphs.layouts import load_layout
from mmcl_ext.inference.inference_result import InferenceResult
from mmcl_ext.inference.mmcl_inferencer import MMCLInferencer
from mmcl_ext.inference.skeleton_clip import SkeletonClip

_REMEMBERED = 1000  # latencies


@dataclass(frozen=True, eq=False)
class StreamPrediction:
    """Scores of one window of a stream.

    The window's last frame counts from 0; ``probability`` (K,) is smoothed over the windows so far;
    ``latency`` are the seconds from the arrival of the last frame to these scores.
    """

    frame: int
    result: InferenceResult
    probability: np.ndarray
    latency: float

    def top(self, k: int = 5) -> list[tuple[str, float]]:
        """Return the k best classes by the smoothed probability, best first."""
        best = np.argsort(-self.probability, kind='stable')[:k].tolist()
        return [(self.result.classes[i], float(self.probability[i])) for i in best]


class StreamingInferencer:
    """Predict actions while frames come in.

    Every ``stride`` frames the last ``window`` ones are predicted as
    :class:`MMCLInferencer` would predict them as a clip. Memory does not grow with the stream.

    Args:
        window: Frames of a window; the pipeline resamples them to what the network takes.
        smoothing: Share, from 0 to below 1, of the probabilities so far in the new ones.
        track: Follow persons from frame to frame (:class:`PersonTracker`), for sources that
            name them in any order. Otherwise the m-th person of a frame is always the same.
        num_slots: Persons kept at a time; of more, the first ones.
        layout: Layout of the joints; None takes the model's.
    """

    def __init__(
        self,
        inferencer: MMCLInferencer,
        *,
        window: int = 64,
        stride: int = 16,
        smoothing: float = 0.0,
        track: bool = False,
        num_slots: int = 8,
        layout: str | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        if stride < 1 or not 0 <= smoothing < 1:
            raise ValueError(
                f'stride must be positive, smoothing at least 0 and below 1; got {stride}, '
                f'{smoothing}'
            )
        self.inferencer = inferencer
        self.stride = stride
        self.smoothing = smoothing
        self.layout = layout and load_layout(layout)
        self.extra = dict(extra or {})
        self.track = track
        self._joints = FrameWindow(window, num_slots)
        self._scores = FrameWindow(window, num_slots)
        self._latencies: deque[float] = deque(maxlen=_REMEMBERED)
        self.reset()

    def reset(self) -> None:
        """Begin a new stream; measured latencies stay."""
        self._joints.clear()
        self._scores.clear()
        self._tracker = PersonTracker(self._joints.num_slots) if self.track else None
        self._persons = 0
        self._checked = False
        self._smoothed: np.ndarray | None = None

    def push(
        self, frame: np.ndarray, keypoint_score: np.ndarray | None = None
    ) -> StreamPrediction | None:
        """Take the next frame, (V, C), or (M, V, C) with any number of persons; M = 0 for nobody.

        ``keypoint_score`` has confidences (M, V), where the model's pipeline asks for them. A
        prediction is returned when a window is full, its time has come and somebody is in it. What
        the model cannot take is a ValueError at the first frame with somebody in it.
        """
        start = time.perf_counter()
        frame = np.asarray(frame, np.float32)
        frame = frame[None] if frame.ndim == 2 else frame
        if frame.ndim != 3:
            raise ValueError(f'a frame is (V, C) or (M, V, C), got {frame.shape}')
        # a person without a single number is absent: trackers write zeros or NaN
        frame = np.where(np.isfinite(frame).any(axis=(1, 2), keepdims=True), frame, 0)
        self._check(frame, keypoint_score)
        places = self._place(frame)
        self._joints.push(frame, places)
        if keypoint_score is not None:
            self._scores.push(np.asarray(keypoint_score, np.float32), places)
        since_full = self._joints.count - self._joints.size
        if since_full < 0 or since_full % self.stride:
            return None
        return self._predict(start)

    def latency(self, percentiles: Sequence[float] = (50, 95)) -> tuple[float, ...]:
        """Return percentiles of the last 1,000 latencies in seconds; NaN before the first."""
        if not self._latencies:
            return tuple(float('nan') for _ in percentiles)
        return tuple(np.percentile(self._latencies, list(percentiles)).tolist())

    def _check(self, frame: np.ndarray, score: np.ndarray | None) -> None:
        """Prepare the first body alone, so that an error does not wait for a window."""
        if self._checked or not frame.any():
            return
        score = None if score is None else np.asarray(score, np.float32)[:, None]
        clip = self._as_clip('first frame', frame[:, None], score)
        self.inferencer.prepare(clip)
        self._checked = True

    def _place(self, frame: np.ndarray) -> np.ndarray:
        if self._tracker is not None:
            there = frame.any(axis=(1, 2)) if frame.size else np.zeros(len(frame), bool)
            places = np.full(len(frame), -1, np.int64)
            found = np.flatnonzero(there)[: self._joints.num_slots]
            places[found] = self._tracker.update(np.nan_to_num(frame[found]))
            return places
        slots = self._joints.num_slots
        self._persons = max(self._persons, min(len(frame), slots))
        places = np.arange(len(frame))
        return np.where(places < slots, places, -1)

    def _clip(self) -> SkeletonClip | None:
        keypoint, score = self._joints.clip(), self._scores.clip()
        if keypoint is None or not keypoint.any():
            return None
        taken = np.arange(self._persons)
        if self._tracker is not None:
            taken = np.flatnonzero(keypoint.any(axis=(1, 2, 3)))
        score = None if score is None else score[taken]
        return self._as_clip(f'frame {self._joints.count - 1}', keypoint[taken], score)

    def _as_clip(self, name: str, keypoint: np.ndarray, score: np.ndarray | None) -> SkeletonClip:
        return SkeletonClip(name, keypoint, self.layout, keypoint_score=score, extra=self.extra)

    def _predict(self, start: float) -> StreamPrediction | None:
        clip = self._clip()
        if clip is None:
            self._smoothed = None
            return None
        result = self.inferencer.predict_clip(clip)
        assert result.probability is not None
        before = result.probability if self._smoothed is None else self._smoothed
        self._smoothed = self.smoothing * before + (1 - self.smoothing) * result.probability
        latency = time.perf_counter() - start
        self._latencies.append(latency)
        return StreamPrediction(self._joints.count - 1, result, self._smoothed, latency)


class FrameWindow:
    """The last ``size`` frames of a stream, of ``num_slots`` persons, in bounded memory."""

    def __init__(self, size: int, num_slots: int) -> None:
        if size < 1 or num_slots < 1:
            raise ValueError(f'size {size} and num_slots {num_slots} must be positive')
        self.size = size
        self.num_slots = num_slots
        self.count = 0
        self._frames: np.ndarray | None = None

    def push(self, values: np.ndarray, places: np.ndarray) -> None:
        """Add a frame, float32 (N, ...), whose rows go to these slots (N,); -1 leaves one out."""
        if self._frames is None:
            if not len(values):  # nobody yet: joints and coordinates are unknown
                self.count += 1
                return
            self._frames = np.zeros((self.size, self.num_slots, *values.shape[1:]), np.float32)
        kept = np.flatnonzero(places >= 0)
        if len(kept) and values.shape[1:] != self._frames.shape[2:]:
            raise ValueError(
                f'frame {self.count} has joints {values.shape[1:]}, those before it '
                f'{self._frames.shape[2:]}'
            )
        row = self._frames[self.count % self.size]
        row[:] = 0
        row[places[kept]] = values[kept]
        self.count += 1

    def clip(self) -> np.ndarray | None:
        """Return the last frames in order, (num_slots, T, ...), T up to ``size``, or None."""
        if self._frames is None:
            return None
        last = np.arange(max(self.count - self.size, 0), self.count) % self.size
        return np.ascontiguousarray(self._frames[last].swapaxes(0, 1))

    def clear(self) -> None:
        """Forget everything."""
        self.count, self._frames = 0, None
