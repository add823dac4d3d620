"""Sources of frames: a clip as if it were live, and a camera with a pose estimator."""

import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import cv2
import numpy as np

from mmcl_ext.datasets.converters.pose_results import read_pose_frame
from mmcl_ext.inference.skeleton_clip import SkeletonClip


class LiveFrame(NamedTuple):
    """One frame of a stream: (M, V, C), scores (M, V) or None, and seconds that it was late."""

    keypoint: np.ndarray
    score: np.ndarray | None
    lag: float = 0.0


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


def watch(source: int | str, pose: str, device: str = 'cpu') -> Iterator[LiveFrame]:
    """Deliver the persons that a pose estimator of MMPose sees in a camera or a video.

    The source is the number of a camera or the path of a video, the estimator such as
    ``'rtmpose-m'``. MMPose sees an image at a time, and what the camera's driver does not keep
    meanwhile is lost.
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
