"""Poses that an estimator has written frame by frame."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from mmcl_ext.datasets.converters.person_tracker import MAX_PERSONS, PersonTracker
from mmcl_ext.datasets.converters.pose_formats import instances_of, is_foreign_frame, unwrapped
from mmcl_ext.fileio.archive_file import ArchiveFile
from mmcl_ext.fileio.as_float32 import as_float32
from mmcl_ext.fileio.name_file import DAMAGE, name_file, names_file
from mmcl_ext.fileio.printable import bounded_repr, counted
from mmcl_ext.fileio.read_json import read_json

_PLACE = object()  # marks a track of a person whom no tracker has named
_SPARSE = 100  # frame numbers per frame that are more likely a typo than a video


class PoseFrame(NamedTuple):
    """Persons of one frame: (N, V, C) float32 and scores (N, V) float32, ones where none are given.

    ``tracks`` tell who it is according to a tracker, None where none ran.
    """

    keypoints: np.ndarray
    scores: np.ndarray
    tracks: Sequence[Any]


@names_file
def read_pose_results(member: ArchiveFile, num_joints: int) -> dict[str, np.ndarray]:
    """Read a ``.json`` of poses (V, 2) as a sample, see :func:`read_pose_frames`."""
    keypoint, score = read_pose_frames(read_json(member), str(member), (num_joints, 2))
    return dict(keypoint=keypoint, keypoint_score=score)


def is_pose_frames(content: Any) -> bool:
    """Tell whether a content is one that :func:`read_pose_frames` understands."""
    content = unwrapped(content)
    if is_foreign_frame(content):
        return True
    if isinstance(content, Mapping):
        return 'instance_info' in content or 'instances' in content
    return (
        isinstance(content, Sequence)
        and any(frame is not None for frame in content)
        and all(frame is None or _is_frame(frame) for frame in content)
    )


def read_pose_frames(
    content: Any, name: str, shape: tuple[int, int] | None = None, metric: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Follow the persons that a pose estimator found frame by frame.

    Understood are what MMPose's inferencer writes of a video, a list of frames (``frame_id`` from
    0, ``instances``), and of an image, a list of instances; what its demos save, frames under
    ``instance_info`` (``frame_id`` from 1); and the list of dicts with ``keypoints`` (N, V, C) and
    ``keypoint_scores`` (N, V) that MMAction2 returns; and frames of OpenPose, MediaPipe and
    Ultralytics, see :func:`~mmcl_ext.datasets.converters.pose_formats.instances_of`, whose world
    landmarks are taken if ``metric``, unless two coordinates are asked for. Persons without a
    ``track_id`` are followed by :class:`PersonTracker`. Frames and joints that are lacking are
    zero, with a score of zero. Every body has the ``shape`` (V, C), by default that of the first. A
    ValueError if the content is none of these, or nobody is in it.

    Returns:
        Joints (M, T, V, C) and scores (M, T, V), float32, of at most ``MAX_PERSONS`` persons, in
        the order of the sums of their scores, the largest first.
    """
    frames = _numbered(content, name, metric and (shape is None or shape[1] == 3))
    found = {t: frame.keypoints.shape[1:] for t, frame in frames.items() if len(frame.keypoints)}
    if not found:
        raise ValueError(
            f'{name}: nobody was found in its {counted(len(frames), "frame")}: no frame has an '
            'instance'
        )
    V, C = shape or next(iter(found.values()))
    for t, other in found.items():
        if other != (V, C):
            raise ValueError(f'{name}: frame {t} has joints {other}, expected {(V, C)}')
    with name_file(name, DAMAGE):
        followed = _follow(frames)
    tracks = sorted(followed, key=lambda track: -sum(b[:, C].sum() for b in track.values()))
    dense = np.zeros((min(len(tracks), MAX_PERSONS), max(frames) + 1, V, C + 1), np.float32)
    for person, track in zip(dense, tracks, strict=False):
        person[list(track)] = list(track.values())
    return dense[..., :C].copy(), dense[..., C].copy()


def read_pose_frame(frame: Any, metric: bool = True) -> PoseFrame:
    """Read the persons of one frame.

    It is a dict with ``instances``, a list of instances, a dict with ``keypoints`` (N, V, C),
    or what :func:`instances_of` turns into such; None has nobody. Where it is none of these a
    ValueError, KeyError or TypeError is raised.
    """
    if frame is None:
        frame = []
    elif is_foreign_frame(frame):
        frame = instances_of(frame, metric)
    if isinstance(frame, Mapping) and 'keypoints' in frame:
        keypoints = as_float32(frame['keypoints'])
        scores = frame.get('keypoint_scores')
        tracks = [None] * len(keypoints)
    else:
        items = frame if isinstance(frame, list) else frame['instances']
        keypoints = as_float32([item['keypoints'] for item in items])
        scores = [item.get('keypoint_scores', [1.0] * len(item['keypoints'])) for item in items]
        tracks = [item.get('track_id') for item in items]
    if not keypoints.size:
        return PoseFrame(np.zeros((0, 0, 0), np.float32), np.zeros((0, 0), np.float32), [])
    scores = np.ones(keypoints.shape[:-1]) if scores is None else scores
    scores = as_float32(scores)
    if keypoints.ndim != 3 or scores.shape != keypoints.shape[:2]:
        raise ValueError(f'keypoints {keypoints.shape} with scores {scores.shape}')
    return PoseFrame(keypoints, scores, tracks)


def _is_frame(frame: Any) -> bool:
    if isinstance(frame, list):
        whole = all(isinstance(item, Mapping) and 'keypoints' in item for item in frame)
        return whole or is_foreign_frame(frame)
    return isinstance(frame, Mapping) and (
        'instances' in frame or 'keypoints' in frame or is_foreign_frame(frame)
    )


def _frames(content: Any) -> Sequence[Any]:
    content = unwrapped(content)
    if is_foreign_frame(content):  # of one image
        return [content]
    if isinstance(content, Mapping):
        content = content.get('instance_info', [content] if 'instances' in content else None)
    if not isinstance(content, Sequence) or not content:
        raise ValueError('expected a list of frames, or one under instance_info')
    # The instances of one image, not the frames of a video: keypoints (V, C), not (N, V, C).
    if all(isinstance(f, Mapping) and np.ndim(f.get('keypoints', 0)) == 2 for f in content):
        return [content]
    return content


def _numbered(content: Any, name: str, metric: bool) -> dict[int, PoseFrame]:
    """Read the frames by their number, counted from 0."""
    frames, place = {}, 0
    try:
        for place, frame in enumerate(_frames(content)):
            given = frame.get('frame_id', place) if isinstance(frame, Mapping) else place
            number = int(given)
            if isinstance(given, bool) or number != float(given) or number in frames:
                raise ValueError(f'frame_id {bounded_repr(given)} is no new frame number')
            frames[number] = read_pose_frame(frame, metric)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f'{name}: frame {place}: {error!r}') from error
    first = int(isinstance(content, Mapping) and 0 not in frames)
    if min(frames) < first or max(frames) > _SPARSE * len(frames):
        raise ValueError(f'{name}: frame_id from {min(frames)} to {max(frames)} in its frames')
    return {number - first: frame for number, frame in frames.items()}


def _follow(frames: Mapping[int, PoseFrame]) -> list[dict[int, np.ndarray]]:
    """Sort bodies into tracks: joints and scores (V, C + 1) by frame."""
    tracks: dict[Any, dict[int, np.ndarray]] = {}
    tracker = PersonTracker(MAX_PERSONS, max_gap=len(frames))
    for number, frame in sorted(frames.items()):
        bodies = np.concatenate([frame.keypoints, frame.scores[..., None]], axis=-1)
        unnamed = [i for i, identity in enumerate(frame.tracks) if identity is None]
        unnamed.sort(key=lambda i: -frame.scores[i].mean())  # more than are followed: the surest
        identities = dict(enumerate(frame.tracks))
        places = tracker.update(frame.keypoints[unnamed]).tolist()
        identities |= {i: (_PLACE, place) for i, place in zip(unnamed, places, strict=False)}
        for i, identity in identities.items():
            if identity is not None:
                track = tracks.setdefault(identity, {})
                if number in track:
                    told = bounded_repr(identity)
                    raise ValueError(f'frame {number}: track_id {told} stands for two persons')
                track[number] = bodies[i]
    return list(tracks.values())
