"""Temporal localisation: which actions a long recording shows, and from when to when."""

import argparse
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from mmcl_ext.config.command_line import finite_number
from mmcl_ext.datasets.transforms.geometry import real_frames
from mmcl_ext.fileio.printable import printable
from mmcl_ext.inference.mmcl_inferencer import MMCLInferencer
from mmcl_ext.inference.skeleton_clip import SkeletonClip
from mmcl_ext.preparation.pose.temporal import runs
from mmcl_ext.visualization.new_figure import new_figure
from mmcl_ext.visualization.prediction_figure import save_figure
from mmcl_ext.visualization.score_plot import draw_timeline

_LEVELS = np.linspace(0.1, 0.9, 9)
"""Heights at which the scores of a class are cut into stretches, as shares of the highest."""


@dataclass(frozen=True)
class SegmentSettings:
    """How a recording is cut.

    Attributes:
        window: Frames of a window; about as long as an action of the training data.
        stride: Frames from one window to the next.
        threshold: Least mean probability of a segment.
        overlap: Share of the shorter of two segments that they may have in common.
    """

    window: int = 64
    stride: int = 16
    threshold: float = 0.5
    overlap: float = 0.3

    def __post_init__(self) -> None:
        if not 1 <= self.stride <= self.window:
            raise ValueError(
                f'segments: stride is from 1 to window, got stride {self.stride} and window '
                f'{self.window}'
            )
        if not (0 < self.threshold < 1 and 0 <= self.overlap < 1):
            raise ValueError(
                f'segments: threshold lies between 0 and 1, overlap is at least 0 and below 1; '
                f'got {self.threshold} and {self.overlap}'
            )

    @classmethod
    def of(cls, args: argparse.Namespace) -> 'SegmentSettings | None':
        """Take the options of :func:`add_segment_options`; None without ``--segments``."""
        names = [field.name for field in fields(cls)]
        given = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
        if not args.segments:
            lone = [*given, *(['fps'] if args.fps is not None else [])]
            if lone:
                raise ValueError(f'--{lone[0]} needs --segments')
            return None
        if args.fps is not None and not args.fps > 0:
            raise ValueError(f'--fps must be positive, got {args.fps}')
        return cls(**given)


def add_segment_options(parser: argparse.ArgumentParser) -> None:
    """Add whether and how the actions of a long recording are found."""
    group = parser.add_argument_group('actions over time')
    group.add_argument('--segments', action='store_true', help='tell when which action happens')
    group.add_argument('--window', type=int, help='frames of a window; 64 by default')
    group.add_argument('--stride', type=int, help='frames between windows; 16 by default')
    group.add_argument('--threshold', type=finite_number, help='least probability; 0.5 by default')
    group.add_argument(
        '--overlap',
        type=finite_number,
        help='share of the shorter that two segments may share; 0.3',
    )
    group.add_argument(
        '--fps', type=finite_number, help='frames per second of skeletons, to tell seconds'
    )


@dataclass(frozen=True)
class Segment:
    """Frames ``start`` to before ``end`` show class ``label`` with this mean probability."""

    start: int
    end: int
    label: int
    score: float


@dataclass(frozen=True, eq=False)
class Localization:
    """The actions of a recording.

    Attributes:
        probability: (T, K) smoothed probabilities of the classes at each frame; zero where nobody
            is for longer than a stride.
        times: (T,) seconds at which the frames are shown; None where that is not known.
    """

    probability: np.ndarray
    segments: tuple[Segment, ...]
    classes: tuple[str, ...]
    times: np.ndarray | None = None

    def rows(self, indent: str = '  ', width: int = 24) -> list[str]:
        """Write a line for each segment: seconds or frames, class and score."""
        values = self.to_list()
        spans = (
            f'{v["start"]:.1f}-{v["end"]:.1f} s'
            if self.times is not None
            else f'frames {v["start_frame"]}-{v["end_frame"]}'
            for v in values
        )
        return [
            f'{indent + span:{width}}  {printable(v["label_name"])} {v["score"]:.3f}'
            for span, v in zip(spans, values, strict=True)
        ] or [f'{indent}no segment']

    def to_list(self) -> list[dict[str, Any]]:
        """Return plain values for a JSON file; ``end_frame`` is the last frame."""
        return [self._to_dict(segment) for segment in self.segments]

    def _to_dict(self, segment: Segment) -> dict[str, Any]:
        first, last = segment.start, segment.end - 1
        values = dict(
            label=segment.label,
            label_name=self.classes[segment.label],
            score=segment.score,
            start_frame=first,
            end_frame=last,
        )
        if self.times is None:
            return values
        return values | dict(start=float(self.times[first]), end=float(self.times[last]))

    def top(self, frame: int, k: int = 3) -> list[tuple[str, float]]:
        """Return the k most probable classes at a frame, best first."""
        best = np.argsort(-self.probability[frame], kind='stable')[:k].tolist()
        return [(self.classes[i], float(self.probability[frame, i])) for i in best]

    def draw(self, path: str | os.PathLike) -> None:
        """Draw the probabilities over time, and the segments below."""
        frames = len(self.probability)
        figure = new_figure(figsize=(11, 4), layout='constrained')
        above, below = figure.subplots(2, 1, sharex=True, gridspec_kw={'height_ratios': (3, 1)})
        at = np.arange(0, frames, max(frames // 200, 1))
        draw_timeline(above, at, self.probability[at], self.classes, num_frames=frames)
        above.legend(loc='center left', bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=9)
        above.set_xlabel('')
        for number, segment in enumerate(self.segments):
            middle, row = (segment.start + segment.end) / 2, number % 2
            below.barh(row, segment.end - segment.start, left=segment.start, color='#8cb4d8')
            name = printable(self.classes[segment.label], 40)
            below.text(middle, row, name, ha='center', va='center', fontsize=8)
        below.set_yticks([])
        below.set_xlabel('frame')
        save_figure(figure, path)


def localize(
    inferencer: MMCLInferencer,
    clip: SkeletonClip,
    settings: SegmentSettings,
    times: np.ndarray | None = None,
) -> Localization:
    """Find the actions of a long recording by a window that slides over it.

    Every window is predicted as a clip, see :func:`frame_scores` and :func:`find_segments` for the
    rest. A recording that is shorter than the window is one window. A clip that cannot be used is a
    ValueError.
    """
    frames = clip.keypoint.shape[1]
    there = np.any(real_frames(np.nan_to_num(clip.keypoint)), axis=0)  # (T,)
    size = min(settings.window, frames)
    starts = [s for s in window_starts(frames, size, settings.stride) if there[s : s + size].any()]
    if not starts:
        inferencer.prepare(clip)  # says what is wrong with it
    parts = (clip.cut(start, start + size) for start in starts)
    scores = np.zeros((len(starts), len(inferencer.classes)), np.float32)
    for score, result in zip(scores, inferencer.iterate(parts, on_error='skip'), strict=True):
        if result.probability is not None:  # without scores a window shows no action
            score[:] = result.probability
    probability = frame_scores(scores, starts, size, frames)
    for start, end in runs(~there):
        if end - start > settings.stride:
            probability[start:end] = 0
    segments = tuple(find_segments(probability, settings))
    return Localization(probability, segments, inferencer.classes, times)


def window_starts(frames: int, window: int, stride: int) -> list[int]:
    """First frames of windows that cover all frames; the last one ends with them."""
    return sorted({*range(0, frames - window + 1, stride), frames - window})


def frame_scores(scores: np.ndarray, starts: Sequence[int], window: int, frames: int) -> np.ndarray:
    """Smooth the scores (W, K) of windows to scores (T, K) of frames.

    A frame has the mean of the windows around it, weighted by a Hann function of its place in
    each: windows in whose middle it lies say most of it. Without a window it has zeros.
    """
    weights = np.hanning(window + 2)[1:-1, None].astype(np.float32)
    total = np.zeros((frames, scores.shape[1]), np.float32)
    weight = np.zeros((frames, 1), np.float32)
    for start, score in zip(starts, scores, strict=True):
        total[start : start + window] += weights * score
        weight[start : start + window] += weights
    return total / np.maximum(weight, 1e-9)


def find_segments(probability: np.ndarray, settings: SegmentSettings) -> list[Segment]:
    """Cut scores (T, K) into segments.

    Candidates are the stretches in which a class exceeds one of several levels (temporal
    actionness grouping, Zhao et al., arXiv 1704.06228). They are ranked by the mean score inside
    less that in the quarters of their length beside them (outer-inner contrast, Shou et al.,
    arXiv 1807.08333), so that the stretch that fits best comes first. Non-maximum suppression
    then goes over all classes: whoever shares more than ``overlap`` of the shorter with a better
    one is left out.
    """
    sums = np.concatenate([np.zeros((1, probability.shape[1])), probability.cumsum(axis=0)])
    ranked = sorted(_candidates(probability, settings), key=lambda s: -_contrast(sums, s))
    kept: list[Segment] = []
    for segment in ranked:
        if all(_common(segment, other) <= settings.overlap for other in kept):
            kept.append(segment)
    return sorted(kept, key=lambda segment: segment.start)


def _candidates(probability: np.ndarray, settings: SegmentSettings) -> Iterable[Segment]:
    shortest = min(settings.stride, len(probability))
    for label in np.flatnonzero(probability.max(axis=0) >= settings.threshold).tolist():
        column = probability[:, label]
        spans = {span for level in _LEVELS * column.max() for span in runs(column >= level)}
        for start, end in sorted(spans):
            score = float(column[start:end].mean())
            if end - start >= shortest and score >= settings.threshold:
                yield Segment(start, end, label, score)


def _contrast(sums: np.ndarray, segment: Segment) -> float:
    """Mean score inside less that beside, from the sums (T + 1, K) of the frames before."""
    start, end, column = segment.start, segment.end, sums[:, segment.label]
    margin = max((end - start) // 4, 1)
    low, high = max(start - margin, 0), min(end + margin, len(column) - 1)
    inside, around = column[end] - column[start], column[high] - column[low]
    beside = high - low - (end - start)
    return float(inside / (end - start) - (around - inside) / max(beside, 1))


def _common(one: Segment, other: Segment) -> float:
    shared = min(one.end, other.end) - max(one.start, other.start)
    return shared / min(one.end - one.start, other.end - other.start)
