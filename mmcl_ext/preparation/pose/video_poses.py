import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mmcl_ext.datasets.converters.person_tracker import MAX_PERSONS, PersonTracker
from mmcl_ext.fileio.printable import counted
from mmcl_ext.graphs.layouts import get_layout
from mmcl_ext.preparation.pose.camera_space import camera_space
from mmcl_ext.preparation.pose.pose_estimator import FramePoses, PoseEstimator
from mmcl_ext.preparation.pose.temporal import fill_gaps, smooth
from mmcl_ext.preparation.videos.video import iter_frames

MIN_FRAMES = 5
"""Somebody seen in fewer frames is taken for a false alarm, in videos that have as many."""


@dataclass(frozen=True, eq=False)
class VideoPoses:
    """The M persons of a video, whoever is surest for longest first.

    Attributes:
        size: Width and height of the frames in pixels.
        times: (T,) seconds at which the frames are shown.
        keypoint: (M, T, V, 2) float32 pixels, zero where a person is absent.
        score: (M, T, V) float32 confidences, zero likewise.
        world: (M, T, V, 3) float32, see :class:`FramePoses`; None for 2D estimators.
        problem: Why the frames after the last one could not be read, or None.
    """

    name: str
    layout: str
    size: tuple[int, int]
    times: np.ndarray
    keypoint: np.ndarray
    score: np.ndarray
    world: np.ndarray | None = None
    problem: str | None = None

    @property
    def present(self) -> np.ndarray:
        """(M, T) bool, in which frames each person is."""
        return np.any(self.score, axis=2)

    @property
    def fps(self) -> float:
        """Mean number of frames per second; 30 where the times do not tell."""
        span = float(self.times[-1] - self.times[0]) if len(self.times) > 1 else 0.0
        return (len(self.times) - 1) / span if span > 0 else 30.0

    def in_camera(self, focal: float | None = None) -> np.ndarray:
        """Return the joints (M, T, V, 3) in camera space, see :func:`camera_space`.

        A ValueError if the estimator saw two dimensions only.
        """
        if self.world is None:
            raise ValueError(f'{self.name}: its joints are in pixels only, not in metres')
        return camera_space(self.world, self.keypoint, self.score, self.size, focal)

    def boxes(self) -> np.ndarray:
        """Return boxes (M, T, 4) x1, y1, x2, y2 round the joints of each person."""
        return np.concatenate([self.keypoint.min(axis=2), self.keypoint.max(axis=2)], axis=-1)

    def filled(self, longest: int) -> 'VideoPoses':
        """Interpolate where somebody lacks for at most ``longest`` frames."""
        return self._changed(lambda values, present: fill_gaps(values, present, longest))

    def smoothed(self, window: int) -> 'VideoPoses':
        """Smooth the joints over ``window`` frames, see :func:`smooth`."""
        return self._changed(lambda values, present: smooth(values, present, window), scores=False)

    def mirrored(self) -> 'VideoPoses':
        """Undo a mirror image, such as front cameras and the videos of NTU RGB+D show."""
        order = get_layout(self.layout).partners
        keypoint, world = self.keypoint[:, :, order], self.world
        keypoint[..., 0] = np.where(self.present[..., None], self.size[0] - keypoint[..., 0], 0)
        if world is not None:
            world = world[:, :, order] * np.array([-1, 1, 1], np.float32)
        return replace(self, keypoint=keypoint, score=self.score[:, :, order], world=world)

    def _changed(
        self, change: Callable[[np.ndarray, np.ndarray], object], scores: bool = True
    ) -> 'VideoPoses':
        """Let a function change the arrays of each person."""
        present, arrays = self.present, {}
        for key in ('keypoint', 'world', *(['score'] if scores else [])):
            if (values := getattr(self, key)) is not None:
                arrays[key] = values.copy()
                for m in range(len(values)):
                    change(arrays[key][m], present[m])
        return replace(self, **arrays)


class PoseTracks:
    """The persons of the frames so far.

    A person who is away for more than ``max_gap`` frames counts as a new one when there again.
    """

    def __init__(self, layout: str, max_gap: int = 30) -> None:
        self.layout = layout
        self._tracker = PersonTracker(MAX_PERSONS, max_gap)
        self._tracks: dict[int, dict[int, tuple[np.ndarray, ...]]] = {}
        self._count = 0

    def add(self, poses: FramePoses) -> list[int]:
        """Add the next frame; return the number of each of its persons, -1 for too many."""
        numbers = self._tracker.identify(poses.keypoint)
        for i, number in enumerate(numbers):
            if number >= 0:
                row = poses.keypoint[i], np.maximum(poses.score[i], 1e-6)
                row += () if poses.world is None else (poses.world[i],)
                self._tracks.setdefault(number, {})[self._count] = row
        self._count += 1
        return numbers

    def poses(self, name: str, size: tuple[int, int], times: Iterable[float]) -> VideoPoses:
        """Return all persons but false alarms, see :data:`MIN_FRAMES`."""
        least = min(MIN_FRAMES, self._count)
        tracks = [track for track in self._tracks.values() if len(track) >= least]
        tracks.sort(key=lambda track: -sum(float(row[1].sum()) for row in track.values()))
        num_joints = get_layout(self.layout).num_joints

        def dense(part: int, *tail: int) -> np.ndarray:
            array = np.zeros((len(tracks), self._count, num_joints, *tail), np.float32)
            for person, track in zip(array, tracks, strict=True):
                person[list(track)] = [row[part] for row in track.values()]
            return array

        metric = any(len(row) > 2 for track in tracks for row in track.values())
        seconds, world = np.fromiter(times, np.float64), dense(2, 3) if metric else None
        return VideoPoses(name, self.layout, size, seconds, dense(0, 2), dense(1), world)


def estimate_video(
    path: str | os.PathLike,
    estimator: PoseEstimator,
    *,
    max_gap: int = 30,
    backend: str = 'auto',
) -> VideoPoses:
    """Find and follow the persons of a video; memory holds one frame and the joints.

    A video that breaks off is taken up to there, and ``problem`` says so. Nobody may be in it. A
    ValueError if it cannot be opened or has no frame.

    Args:
        path: The video; a picture is one of a single frame.
        max_gap: See :class:`PoseTracks`.
        backend: See :func:`~mmcl_ext.preparation.videos.video.read_frames`.
    """
    estimator.reset()
    tracks, times = PoseTracks(estimator.layout, max_gap), list[float]()
    size, problem = (0, 0), None
    try:
        for time, image in iter_frames(path, backend):
            tracks.add(estimator(image))
            times.append(time)
            size = image.shape[1], image.shape[0]
    except ValueError as error:
        if not times:
            raise
        problem = f'{error}; only {counted(len(times), "frame")} at its beginning could be read'
    return replace(tracks.poses(Path(path).stem, size, times), problem=problem)
