"""Poses in the JSON files of OpenPose, MediaPipe and Ultralytics, as instances of MMPose's kind."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmcl_ext.fileio.archive_file import ArchiveFile
from mmcl_ext.fileio.as_float32 import as_float32

_FRAME_FILE = re.compile(r'(.+)_(\d+)_keypoints\.json')
_IN_METRES = ('worldLandmarks', 'world_landmarks', 'poseWorldLandmarks', 'pose_world_landmarks')
_IN_IMAGE = ('landmarks', 'poseLandmarks', 'pose_landmarks', 'landmark')
# BODY_25's joints in the order of the 18 of OpenPose's COCO model; the hips' middle and the feet
# have no place there.
_BODY_25 = (*range(8), *range(9, 19))
_AXES = np.array([-1, -1, 1], np.float32)  # MediaPipe's x and y are those of the image


@dataclass(frozen=True)
class FrameFiles(ArchiveFile):
    """The files of successive frames, read as one JSON list."""

    frames: tuple[ArchiveFile, ...] = ()

    def read(self) -> bytes:
        """Read all files."""
        return b'[' + b','.join(file.read() for file in self.frames) + b']'

    def stamp(self) -> str:
        """Describe the state of all files."""
        return ';'.join(file.stamp() for file in self.frames)


def join_frames(files: Mapping[str, ArchiveFile]) -> dict[str, ArchiveFile]:
    """Join OpenPose's files of the frames of a video, ``NAME_000000000012_keypoints.json``.

    Returns the other files, and one ``NAME.json`` for each video, its frames in order.
    """
    joined: dict[str, ArchiveFile] = {}
    videos: dict[str, list[tuple[int, ArchiveFile]]] = {}
    for name, file in files.items():
        if match := _FRAME_FILE.fullmatch(name):
            videos.setdefault(match[1], []).append((int(match[2]), file))
        else:
            joined[name] = file
    for name, found in videos.items():
        frames = tuple(file for _, file in sorted(found, key=lambda pair: pair[0]))
        path = Path(frames[0].path).with_name(f'{name}.json')
        joined[f'{name}.json'] = FrameFiles(path, frames=frames)
    return joined


def unwrapped(content: Any) -> Any:
    """Take the frames out of ``{"frames": [...], "width": W, "height": H}``, and read texts.

    Ultralytics' ``to_json`` gives a text for each frame. The size goes into each frame.
    """
    if isinstance(content, Mapping) and isinstance(content.get('frames'), list):
        size = {key: content[key] for key in ('width', 'height') if key in content}
        content = [
            {**size, **frame} if isinstance(frame, Mapping) else frame
            for frame in content['frames']
        ]
    if isinstance(content, list) and content and all(isinstance(f, str) for f in content):
        return [json.loads(frame) for frame in content]
    return content


def is_foreign_frame(frame: Any) -> bool:
    """Tell whether a frame is one that :func:`instances_of` turns."""
    if isinstance(frame, Mapping):
        return isinstance(frame.get('people'), list) or any(key in frame for key in _LANDMARKS)
    items = frame if isinstance(frame, list) else []
    return bool(items) and (_is_body(items) or all(map(_is_detection, items)))


_LANDMARKS = (*_IN_METRES, *_IN_IMAGE)


def instances_of(frame: Any, metric: bool) -> list[dict[str, Any]]:
    """Turn the persons of a frame into ``keypoints``, ``keypoint_scores`` and ``track_id``.

    - OpenPose: ``people`` with ``pose_keypoints_2d``; the 25 joints of BODY_25 become the 18 of
      its COCO model.
    - MediaPipe: landmarks of one or several persons, under the names that its programming
      interfaces give them, or a bare list. ``metric`` takes the world landmarks where they are
      there, with the axes of Kinect and the hips at the origin; else those in the image, in
      pixels, for which the frame has ``width`` and ``height``.
    - Ultralytics: detections, each with ``keypoints`` of ``x``, ``y`` and ``visible``.

    A ValueError if it is damaged, or MediaPipe's image has no size.
    """
    if isinstance(frame, Mapping) and 'people' in frame:
        return [found for person in frame['people'] if (found := _openpose(person))]
    if isinstance(frame, Mapping) or _is_body(frame):
        return _mediapipe(frame if isinstance(frame, Mapping) else {_IN_IMAGE[0]: frame}, metric)
    return [_ultralytics(item) for item in frame]


def _openpose(person: Mapping[str, Any]) -> dict[str, Any] | None:
    flat = as_float32(person.get('pose_keypoints_2d') or person.get('pose_keypoints') or [])
    if flat.size % 3:
        raise ValueError(f'{flat.size} numbers are no triples of x, y and confidence')
    joints = flat.reshape(-1, 3)
    joints = joints[list(_BODY_25)] if len(joints) == 25 else joints
    if not joints.any():
        return None
    return dict(keypoints=joints[:, :2], keypoint_scores=joints[:, 2])


def _mediapipe(frame: Mapping[str, Any], metric: bool) -> list[dict[str, Any]]:
    world = next((frame[key] for key in _IN_METRES if frame.get(key)), None)
    image = next((frame[key] for key in _IN_IMAGE if frame.get(key)), None)
    if metric and world is not None:
        return [_landmarks(body, ('x', 'y', 'z'), _AXES) for body in _bodies(world)]
    if image is None:
        if world is not None:
            raise ValueError('its landmarks are in metres only, pixels are needed')
        return []
    try:
        size = as_float32([frame['width'], frame['height']])
    except KeyError as error:
        raise ValueError(
            f'landmarks are shares of the image: {error} of the frame is needed in pixels, or '
            'world landmarks'
        ) from None
    return [_landmarks(body, ('x', 'y'), size) for body in _bodies(image)]


def _bodies(found: Any) -> Sequence[Any]:
    """List the bodies: there are several, one, or one under ``landmark``."""
    if isinstance(found, Mapping):
        return [found['landmark']]
    if _is_body(found):
        return [found]
    return [body['landmark'] if isinstance(body, Mapping) else body for body in found]


def _landmarks(body: Any, axes: tuple[str, ...], scale: np.ndarray) -> dict[str, Any]:
    joints = as_float32([[point[axis] for axis in axes] for point in body])
    with np.errstate(over='ignore', invalid='ignore'):  # judged as not finite, like other joints
        joints = joints * scale
    return dict(
        keypoints=joints,
        keypoint_scores=[point.get('visibility', 1.0) for point in body],
    )


def _ultralytics(item: Mapping[str, Any]) -> dict[str, Any]:
    points = item['keypoints']
    joints = as_float32([points['x'], points['y']]).T
    scores = points.get('visible') or [1.0] * len(joints)
    found = dict(keypoints=joints, keypoint_scores=scores)
    return found | ({'track_id': item['track_id']} if 'track_id' in item else {})


def _is_body(items: Any) -> bool:
    return isinstance(items, list) and all(
        isinstance(point, Mapping) and 'x' in point and 'y' in point for point in items
    )


def _is_detection(item: Any) -> bool:
    return isinstance(item, Mapping) and isinstance(item.get('keypoints'), Mapping)
