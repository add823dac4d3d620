"""Sources of frames: a clip as if it were live, and a camera with a pose estimator."""

import threading
import time
from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from mmcl_ext.inference.skeleton_clip import SkeletonClip
from mmcl_ext.preparation.pose.pose_estimator import FramePoses, PoseEstimator
from mmcl_ext.preparation.pose.pose_settings import PoseSettings
from mmcl_ext.preparation.pose.video_poses import VideoPoses
from mmcl_ext.preparation.videos.video import iter_frames


class LiveFrame(NamedTuple):
    """One frame of a stream.

    Attributes:
        keypoint: (M, V, C).
        score: (M, V), or None.
        lag: Seconds between the time at which the frame was due and its delivery.
        time: Seconds since the first frame, or None where the frame does not tell.
        decode: Seconds that it took to decode the image, or to wait for it; ``pose`` those of the
            pose estimator.
    """

    keypoint: np.ndarray
    score: np.ndarray | None
    lag: float = 0.0
    time: float | None = None
    decode: float = 0.0
    pose: float = 0.0


def replay(clip: SkeletonClip, fps: float | None = None) -> Iterator[LiveFrame]:
    """Deliver all frames of a clip, at ``fps`` or as fast as they are taken."""
    if fps is not None and fps <= 0:
        raise ValueError(f'fps must be positive, got {fps}')
    start = time.perf_counter()
    for t in range(clip.keypoint.shape[1]):
        score = None if clip.keypoint_score is None else clip.keypoint_score[:, t]
        lag = 0.0
        if fps is not None:
            early = start + t / fps - time.perf_counter()
            time.sleep(max(early, 0.0))
            lag = max(-early, 0.0)
        yield LiveFrame(clip.keypoint[:, t], score, lag)


def watch(
    source: int | str,
    estimator: PoseEstimator,
    settings: PoseSettings,
    metric: bool,
    realtime: bool = False,
) -> Iterator[LiveFrame]:
    """Deliver the persons that a pose estimator sees in a camera, a stream or a video.

    Of a camera or an address (``rtsp://...``) only the newest image is worth something: those that
    arrive while the estimator works are dropped. Of a video all are taken. An OSError if the camera
    or video cannot be opened.

    Args:
        source: Number of a camera, an address, or path of a video.
        settings: The focal length, and whether the images are mirrored.
        metric: Whether to deliver joints in metres; otherwise in pixels.
        realtime: Keep to the pace of a video.
    """
    estimator.reset()
    live = isinstance(source, int) or '://' in source
    images = _newest(iter_frames(source)) if live else iter_frames(source)
    start = before = time.perf_counter()
    try:
        for shown, image in images:
            decoded = time.perf_counter()
            early = start + shown - decoded if realtime and not live else 0.0
            time.sleep(max(early, 0.0))
            looked = time.perf_counter()
            joints = _joints(estimator(image), estimator.layout, image.shape, settings, metric)
            after = time.perf_counter()
            now = decoded - start if live else shown
            yield LiveFrame(
                *joints, max(-early, 0.0), now, decode=decoded - before, pose=after - looked
            )
            before = time.perf_counter()
    except ValueError as error:
        raise OSError(f'cannot open the camera or video {source!r}: {error}') from error


def _joints(
    poses: FramePoses, layout: str, shape: tuple[int, ...], settings: PoseSettings, metric: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return joints (M, V, C) and scores (M, V) of the true bodies."""
    world = None if poses.world is None else poses.world[:, None]
    size, times = (shape[1], shape[0]), np.zeros(1)
    frame = VideoPoses(
        '', layout, size, times, poses.keypoint[:, None], poses.score[:, None], world
    )
    keypoint, score = settings.joints(frame, metric)
    return keypoint[:, 0], score[:, 0]


def _newest(images: Iterator[tuple[float, np.ndarray]]) -> Iterator[tuple[float, np.ndarray]]:
    """Read in a thread of its own; deliver the newest image that was not delivered yet."""
    box: deque[Any] = deque(maxlen=1)
    there = threading.Event()

    def read() -> None:
        last: Any = None
        try:
            for image in images:
                box.append(image)
                there.set()
        except Exception as error:  # handed to whoever takes the images
            last = error
        box.append(last)
        there.set()

    threading.Thread(target=read, daemon=True).start()
    while True:
        there.wait()
        there.clear()
        item = box.popleft() if box else ()
        if isinstance(item, Exception):
            raise item
        if item is None:
            return
        if item:
            yield item
