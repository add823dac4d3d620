"""Sources of frames: a clip as if it were live, and a camera with a pose estimator."""

import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import cv2
import numpy as np

from mmcl_ext.datasets.converters.pose_results import read_pose_frame
from mmcl_ext.inference.skeleton_clip import SkeletonClip


class LiveFrame(NamedTuple):
    """One frame of a stream.

    Attributes:
        keypoint: (M, V, C).
        score: (M, V), or None.
        lag: Seconds between the time at which the frame was due and its delivery.
    """

    keypoint: np.ndarray
    score: np.ndarray | None
    lag: float = 0.0


def replay(clip: SkeletonClip, fps: float | None = None) -> Iterator[LiveFrame]:
    """Deliver the frames of a clip one after the other.

    Args:
        clip: The clip.
        fps: Frames per second to keep to; None delivers as fast as frames are taken. Frames are
            never dropped: whoever takes too long lags behind.

    Raises:
        ValueError: The rate is not positive.
    """
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


def watch(source: int | str, pose: str, device: str = 'cpu') -> Iterator[LiveFrame]:
    """Deliver the persons that a pose estimator of MMPose sees in a camera or a video.

    Only the newest image of a camera is worth something: MMPose sees an image at a time, and
    what the camera's driver does not keep meanwhile is lost.

    Args:
        source: Number of a camera, or path of a video.
        pose: Model of MMPose, such as ``'rtmpose-m'``, or a configuration of it.
        device: Where the pose estimator shall run.

    Raises:
        ImportError: MMPose is not installed.
        OSError: The camera or video cannot be opened.
    """
    estimate = _pose_estimator(pose, device)
    capture = cv2.VideoCapture(source)
    try:
        if not capture.isOpened():
            raise OSError(f'cannot open the camera or video {source!r}')
        while True:
            read, image = capture.read()
            if not read:
                return
            instances = next(estimate(image, return_vis=False))['predictions'][0]
            yield LiveFrame(*read_pose_frame(instances)[:2])
    finally:
        capture.release()


def _pose_estimator(pose: str, device: str) -> Any:
    try:
        from mmpose.apis import MMPoseInferencer
    except ImportError as error:
        raise ImportError(
            f'a camera needs MMPose, which cannot be imported ({error}); see '
            'https://mmpose.readthedocs.io/en/latest/installation.html'
        ) from error
    return MMPoseInferencer(pose2d=pose, device=device)
