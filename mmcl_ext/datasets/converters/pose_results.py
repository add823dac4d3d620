"""Two-dimensional poses as MMPose writes them, a JSON file for each video."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mmcl_ext.datasets.converters.person_tracker import MAX_PERSONS, PersonTracker
from mmcl_ext.fileio.archive_file import ArchiveFile

_PLACE = object()  # marks a track of a person whom no tracker has named


def read_pose_results(member: ArchiveFile, num_joints: int) -> dict[str, np.ndarray]:
    """Read the predictions of one video.

    Either what MMPose's inferencer writes, a list of frames (``frame_id`` from 0,
    ``instances``), or what its demos save, that list under ``instance_info`` with
    ``frame_id`` from 1. An instance has ``keypoints`` (V, 2), as wanted ``keypoint_scores``
    (V,), and ``track_id`` where a tracker ran. Without one, persons are followed from
    frame to frame by :class:`PersonTracker`. Frames and joints that are lacking
    are zero, with a score of zero.

    Args:
        member: The file.
        num_joints: Joints of a body, V.

    Returns:
        ``keypoint`` (M, T, V, 2) in pixels and ``keypoint_score`` (M, T, V), float32; the
        persons in the order of the sums of their scores, the largest first.

    Raises:
        ValueError: The file is no such list, nobody is in it, or a body has another number
            of joints; names the file and the frame.
    """
    try:
        content = json.loads(member.read())
    except ValueError as error:
        raise ValueError(f'{member}: no JSON: {error}') from error
    first = 1 if isinstance(content, Mapping) else 0
    frames = content.get('instance_info') if isinstance(content, Mapping) else content
    if not isinstance(frames, list) or not frames:
        raise ValueError(f'{member}: expected a list of frames, or one under instance_info')
    bodies: dict[int, list[tuple[Any, np.ndarray]]] = {}
    for place, frame in enumerate(frames):
        try:
            number = int(frame.get('frame_id', place + first)) - first
            bodies[number] = [_body(instance, num_joints) for instance in frame['instances']]
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f'{member}: frame {place}: {error!r}') from error
    if min(bodies) < 0 or not any(bodies.values()):
        raise ValueError(f'{member}: a negative frame_id, or no frame has an instance')
    return _to_arrays(_follow(bodies), max(bodies) + 1, num_joints)


def _body(instance: Mapping[str, Any], num_joints: int) -> tuple[Any, np.ndarray]:
    """Read an instance: its track or None, and its joints (V, 3) x, y, score."""
    joints = np.array(instance['keypoints'], np.float32)
    scores = np.array(instance.get('keypoint_scores', [1.0] * num_joints), np.float32)
    if joints.shape != (num_joints, 2) or scores.shape != (num_joints,):
        raise ValueError(
            f'expected {num_joints} joints (x, y) and scores, got {joints.shape} and {scores.shape}'
        )
    return instance.get('track_id'), np.concatenate([joints, scores[:, None]], axis=1)


def _follow(
    frames: Mapping[int, Sequence[tuple[Any, np.ndarray]]],
) -> list[dict[int, np.ndarray]]:
    """Sort bodies into tracks: joints (V, 3) by frame."""
    tracks: dict[Any, dict[int, np.ndarray]] = {}
    tracker = PersonTracker(MAX_PERSONS, max_gap=len(frames))
    for number in sorted(frames):
        named = [(identity, joints) for identity, joints in frames[number] if identity is not None]
        unnamed = [joints for identity, joints in frames[number] if identity is None]
        unnamed.sort(key=lambda joints: -joints[:, 2].mean())  # more than are followed: the surest
        bodies = np.stack(unnamed)[..., :2] if unnamed else np.zeros((0, 0, 2), np.float32)
        places = ((_PLACE, place) for place in tracker.update(bodies).tolist())
        for identity, joints in (*named, *zip(places, unnamed, strict=False)):
            tracks.setdefault(identity, {})[number] = joints
    return list(tracks.values())


def _to_arrays(
    tracks: Sequence[Mapping[int, np.ndarray]], num_frames: int, num_joints: int
) -> dict[str, np.ndarray]:
    dense = np.zeros((len(tracks), num_frames, num_joints, 3), np.float32)
    for person, track in zip(dense, tracks, strict=True):
        person[list(track)] = list(track.values())
    dense = dense[np.argsort(-dense[..., 2].sum((1, 2)), kind='stable')]
    return dict(keypoint=dense[..., :2].copy(), keypoint_score=dense[..., 2].copy())
