"""Results of MMPose and MMAction2's pose estimation as arrays."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from mmcl_ext.datasets.converters.person_tracker import MAX_PERSONS, PersonTracker
from mmcl_ext.graphs.layouts import usual_layout

_ANNOTATION_KEYS = ('keypoint', 'keypoint_score', 'label', 'frame_dir', 'filename')


def is_pose_frames(content: Any) -> bool:
    """Tell whether a content is a list of frames with instances, as MMPose writes it."""
    if isinstance(content, Mapping):
        return 'instance_info' in content or 'instances' in content
    return (
        isinstance(content, Sequence)
        and bool(content)
        and all(isinstance(f, (Mapping, list)) for f in content)
        and all(_is_frame(frame) for frame in content)
    )


def read_pose_frames(
    content: Any, name: str, max_persons: int = MAX_PERSONS
) -> tuple[np.ndarray, np.ndarray]:
    """Follow the persons that a pose estimator found frame by frame.

    Understood are MMPose's ``save_predictions`` (``instance_info``), the list of frames that
    its inferencer writes of a video, the list of instances that it writes of an image, and the
    list of dicts with ``keypoints`` (N, V, C) and ``keypoint_scores`` (N, V) that MMAction2's
    pose estimation returns. Persons are followed from frame to frame by :class:`PersonTracker`.

    Args:
        content: The results.
        name: Name of the clip, for messages.
        max_persons: Persons followed at a time.

    Returns:
        The joints (M, T, V, C) and their scores (M, T, V), float32.

    Raises:
        ValueError: The content is none of these, or nobody is in it.
    """
    frames = [frame_instances(frame, name, t) for t, frame in enumerate(_frames(content))]
    found = [keypoints for keypoints, _ in frames if len(keypoints)]
    if not found:
        raise ValueError(f'clip {name!r}: nobody was found in any of its {len(frames)} frames')
    V, C = found[0].shape[1:]
    keypoint = np.zeros((max_persons, len(frames), V, C), np.float32)
    score = np.zeros((max_persons, len(frames), V), np.float32)
    tracker = PersonTracker(max_persons, max_gap=len(frames))
    for t, (keypoints, scores) in enumerate(frames):
        if not len(keypoints):
            tracker.update(keypoints)
            continue
        if keypoints.shape[1:] != (V, C):
            raise ValueError(
                f'clip {name!r}: frame {t} has joints {keypoints.shape[1:]}, others {(V, C)}'
            )
        surest = np.argsort(-scores.mean(axis=1), kind='stable')[:max_persons]
        places = tracker.update(keypoints[surest])
        keypoint[places, t], score[places, t] = keypoints[surest], scores[surest]
    there = np.flatnonzero(keypoint.any(axis=(1, 2, 3)))
    return keypoint[there], score[there]


def read_annotation(
    annotation: Mapping[str, Any], name: str | None = None
) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Check a dict with ``keypoint`` (M, T, V, C), as MMAction2 and PYSKL keep it.

    Args:
        annotation: The dict, with ``keypoint_score``, ``label`` and ``frame_dir`` as wanted.
        name: Name of the clip; None takes ``frame_dir``.

    Returns:
        The name, ``keypoint`` with ``keypoint_score``, and the other fields of the clip.

    Raises:
        ValueError: There is no such array, or the scores do not fit it.
    """
    given = annotation.get('filename', annotation.get('frame_dir', 'annotation'))
    name = str(given) if name is None else name
    array = annotation.get('keypoint')
    if not isinstance(array, np.ndarray) or array.ndim not in (3, 4):
        shape = getattr(array, 'shape', None)
        raise ValueError(f"clip {name!r}: field 'keypoint': expected (M, T, V, C), got {shape}")
    keypoint = array[None] if array.ndim == 3 else array
    score = annotation.get('keypoint_score')
    if score is not None:
        score = np.asarray(score, np.float32).reshape(-1, *np.shape(score)[-2:])
        if score.shape != keypoint.shape[:3]:
            raise ValueError(
                f"clip {name!r}: field 'keypoint_score': expected {keypoint.shape[:3]}, "
                f'got {score.shape}'
            )
    extra = {key: value for key, value in annotation.items() if key not in _ANNOTATION_KEYS}
    label = annotation.get('label')
    arrays = dict(keypoint=keypoint, keypoint_score=score)
    return name, arrays, dict(label=None if label is None else int(label), extra=extra)


def guess_layout(num_joints: int, name: str) -> str:
    """Return the usual layout with so many joints.

    Raises:
        ValueError: There is none.
    """
    layout = usual_layout(num_joints)
    if layout is None:
        raise ValueError(f'clip {name!r}: {num_joints} joints: say which layout they are in')
    return layout


def _is_frame(frame: Any) -> bool:
    if isinstance(frame, list):
        return all(isinstance(item, Mapping) and 'keypoints' in item for item in frame)
    return 'instances' in frame or 'keypoints' in frame


def _frames(content: Any) -> Iterable[Any]:
    if isinstance(content, Mapping):
        return content.get('instance_info', [content])
    # The instances of one image, not the frames of a video: keypoints (V, C), not (N, V, C).
    if all(isinstance(f, Mapping) and np.ndim(f.get('keypoints', 0)) == 2 for f in content):
        return [content]
    return content


def frame_instances(frame: Any, name: str, t: int) -> tuple[np.ndarray, np.ndarray]:
    """Read the persons of one frame.

    Args:
        frame: Dict with ``instances``, list of instances, or dict with ``keypoints`` (N, V, C).
        name: Name of the clip, for messages.
        t: Number of the frame, for messages.

    Returns:
        The keypoints (N, V, C) and their scores (N, V), ones where there are none.

    Raises:
        ValueError: The frame is none of these.
    """
    try:
        if isinstance(frame, Mapping) and 'instances' not in frame:
            keypoints, scores = frame['keypoints'], frame.get('keypoint_scores')
        else:
            items = frame['instances'] if isinstance(frame, Mapping) else frame
            keypoints = [item['keypoints'] for item in items]
            scores = [item['keypoint_scores'] for item in items if 'keypoint_scores' in item]
        keypoints = np.asarray(keypoints, np.float32)
        if not keypoints.size:
            return np.zeros((0, 0, 0), np.float32), np.zeros((0, 0), np.float32)
        given = np.asarray([] if scores is None else scores, np.float32)
        scores = given if given.size else np.ones(keypoints.shape[:-1], np.float32)
        if keypoints.ndim != 3 or scores.shape != keypoints.shape[:2]:
            raise ValueError(f'keypoints {keypoints.shape} with scores {scores.shape}')
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f'clip {name!r}: frame {t}: no poses: {error}') from error
    return keypoints, scores
