"""Persons out of videos that somebody uploads: nobody vouches for them."""

import io
import json
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mmcl_ext.parallel.limited_process import ProcessLimits, call_limited
from mmcl_ext.preparation.pose.pose_estimator import FramePoses, PoseEstimator
from mmcl_ext.preparation.pose.pose_settings import PoseSettings
from mmcl_ext.preparation.pose.video_poses import VideoPoses
from mmcl_ext.preparation.videos.video_folder import VIDEO_SUFFIXES
from mmcl_ext.web.uploads import taken

LOOK_SECONDS = 300.0
LOOK_MEMORY = 3 * 2**30
"""What the process that looks at a video may use."""
_RESULT = 256 * 2**20
_SHOWN_FRAMES = 100
_SHOWN_HEIGHT = 320
_ARRAYS = ('times', 'keypoint', 'score', 'world')


@dataclass(frozen=True, eq=False)
class UploadedVideo:
    """The persons of a video, and every ``step``-th of its frames, small, as JPEG files."""

    poses: VideoPoses
    frames: tuple[bytes, ...]
    step: int

    @property
    def name(self) -> str:
        """Name of the video."""
        return self.poses.name

    def images(self) -> list[np.ndarray]:
        """Return the frames (H, W, 3), uint8, RGB."""
        decoded = (cv2.imdecode(np.frombuffer(d, np.uint8), cv2.IMREAD_COLOR) for d in self.frames)
        return [np.ascontiguousarray(np.asarray(image)[..., ::-1]) for image in decoded]


class _Recorder(PoseEstimator):
    """Keeps small frames of the video that an estimator looks at; memory is bounded."""

    def __init__(self, estimator: PoseEstimator) -> None:
        self.estimator, self.layout, self.metric = estimator, estimator.layout, estimator.metric
        self.reset()

    def reset(self) -> None:
        self.estimator.reset()
        self.frames: list[bytes] = []
        self.step, self._count = 1, 0

    def __call__(self, image: np.ndarray) -> FramePoses:
        if self._count % self.step == 0:
            self.frames.append(_small(image))
        if len(self.frames) > 2 * _SHOWN_FRAMES:
            self.frames, self.step = self.frames[::2], 2 * self.step
        self._count += 1
        return self.estimator(image)


def _small(image: np.ndarray) -> bytes:
    scale = min(_SHOWN_HEIGHT / len(image), 1.0)
    size = max(round(image.shape[1] * scale), 2), max(round(len(image) * scale), 2)
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return cv2.imencode('.jpg', small)[1].tobytes()


def take_video(path: Path, settings: PoseSettings, max_bytes: int) -> UploadedVideo:
    """Find the persons of an uploaded video and delete it, whatever happens.

    A process of its own decodes it, with limits of time and memory. What is larger than
    ``max_bytes``, damaged or no video is a ValueError, which names it without its folder.
    """
    with taken(path, max_bytes, VIDEO_SUFFIXES):
        limits = ProcessLimits(LOOK_SECONDS, LOOK_MEMORY, _RESULT)
        return unpacked(call_limited(look, path, settings, limits=limits))


def look(path: Path, settings: PoseSettings) -> bytes:
    """Find the persons of a video, in a process of its own; return an :class:`UploadedVideo`."""
    recorder = _Recorder(settings.build())
    poses = settings.estimate(str(path), recorder)
    if poses.problem:
        poses = replace(poses, problem=poses.problem.replace(str(path), path.name))
    arrays = {name: getattr(poses, name) for name in _ARRAYS if getattr(poses, name) is not None}
    rest = {f.name: getattr(poses, f.name) for f in fields(poses) if f.name not in _ARRAYS}
    text = json.dumps(dict(rest, step=recorder.step))
    content: dict[str, Any] = dict(arrays, text=np.frombuffer(text.encode(), np.uint8))
    for number, data in enumerate(recorder.frames):
        content[f'frame{number}'] = np.frombuffer(data, np.uint8)
    file = io.BytesIO()
    np.savez(file, **content)
    return file.getvalue()


def unpacked(data: bytes) -> UploadedVideo:
    """Read what :func:`look` returns."""
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    values = json.loads(arrays.pop('text').tobytes())
    step, values['size'] = values.pop('step'), tuple(values['size'])
    names = [name for name in arrays if name not in _ARRAYS]
    frames = tuple(arrays.pop(name).tobytes() for name in names)
    return UploadedVideo(VideoPoses(**values, **arrays), frames, step)
