"""What an exported model's input goes through, in numpy alone.

This file stands on its own: copy it next to an exported model. It needs numpy, nothing of
this package, and does what the test pipelines of the shipped NTU RGB+D, NW-UCLA and UTD-MHAD
configurations do. The file's meta data entry ``mmcl_ext.model_info`` tells the rest::

    info = json.loads(metadata['mmcl_ext.model_info'])
    clips = prepare(keypoint, info)[None]           # keypoint: (M, T, V, C), metres
    persons, slots, members = pack_persons(clips)
    logits = session.run(None, {'persons': persons, 'slots': slots, 'members': members})[0]

Axes: N clips, M person slots, T frames, V joints, C coordinates, P persons who are there.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np


class PackedPersons(NamedTuple):
    """Clips without their empty person slots.

    Attributes:
        persons: The P persons who are there, float32 (P, T, V, C).
        slots: Person slot of each, counted from 0, int64 (P,).
        members: 1 where person p belongs to clip n, else 0, float32 (N, P).
    """

    persons: np.ndarray
    slots: np.ndarray
    members: np.ndarray


def prepare(keypoint: np.ndarray, info: Mapping[str, Any]) -> np.ndarray:
    """Turn a skeleton sequence (M, T, V, C) into one clip (M', T', V, C), float32, for a network.

    The joints are in the model's layout, absent persons all zero; ``info`` is the description in
    the model's file. An array that does not fit it, or a transform that this file does not know, is
    a ValueError.
    """
    keypoint = np.array(keypoint, np.float32)
    joints = len(info['skeleton']['joint_names'])
    doubled = any(step.get('keep_joints') for step in info['pipeline'])
    channels = info['in_channels'] // (2 if doubled else 1)
    if keypoint.ndim != 4 or keypoint.shape[2:] != (joints, channels) or not keypoint.size:
        raise ValueError(f'need (M, T, {joints}, {channels}), got {keypoint.shape}')
    if not np.isfinite(keypoint).all():
        raise ValueError('the coordinates are not all finite')
    keypoint = choose_persons(keypoint, info['num_person'])
    for step in info['pipeline']:
        settings = {key: value for key, value in step.items() if key != 'type'}
        name = str(step['type']).rpartition('.')[2]
        if name == 'PackActionInputs':
            continue
        if name not in STEPS:
            raise ValueError(f'this file does not know the transform {name}')
        if name == 'SkeletonStream':
            settings['parents'] = parents_of(info)
        keypoint = STEPS[name](keypoint, **settings)
    return np.ascontiguousarray(keypoint, np.float32)


def choose_persons(keypoint: np.ndarray, limit: int) -> np.ndarray:
    """Leave out frames with nobody and persons who never appear.

    Of more than ``limit`` persons the most active ones are kept, the most active first.
    """
    real = _real(keypoint)
    persons = np.flatnonzero(real.any(axis=1))
    if len(persons) > limit:
        bodies = [keypoint[m, real[m]].astype(np.float64) for m in persons]
        moves = [-((body - body.mean(0)) ** 2).sum((0, 2)).mean() for body in bodies]
        persons = persons[np.argsort(moves, kind='stable')[:limit]]
    return keypoint[persons][:, real[persons].any(axis=0)] if len(persons) else keypoint


def parents_of(info: Mapping[str, Any]) -> list[int]:
    """Return the parent of each joint; the centre is its own."""
    parents = list(range(len(info['skeleton']['joint_names'])))
    for child, parent in info['skeleton']['edges']:
        parents[child] = parent
    return parents


def center(keypoint: np.ndarray, joint: int = 1) -> np.ndarray:
    """Move the origin to a joint of person 0 in that person's first real frame."""
    real = _real(keypoint)
    if not real[0].any():
        return keypoint
    origin = keypoint[0, real[0].argmax(), joint]
    return np.where(real[..., None, None], keypoint - origin, 0)


def crop_and_resize(
    keypoint: np.ndarray,
    window: int = 64,
    p_interval: float | Sequence[float] = (0.95,),
    min_length: int = 64,
) -> np.ndarray:
    """Keep the middle of the real frames, a share that is not drawn, and resample it linearly."""
    shares = [p_interval] if isinstance(p_interval, (int, float)) else list(p_interval)
    if len(shares) != 1:
        raise ValueError(f'a test takes one share of the frames, got {shares}')
    valid = int(_real(keypoint).any(axis=0).sum())
    cut = int((1 - shares[0]) * valid / 2)
    start, length = cut, valid - 2 * cut
    if length <= 0:
        return np.zeros((len(keypoint), window, *keypoint.shape[2:]), np.float32)
    scale = np.float32(length / window)
    centers = np.arange(window, dtype=np.float32) + np.float32(0.5)
    position = np.maximum(centers * scale - np.float32(0.5), np.float32(0))
    before = position.astype(np.int64)
    after = np.minimum(before + 1, length - 1)
    weight = (position - before.astype(np.float32))[:, None, None]
    return keypoint[:, start + before] * (1 - weight) + keypoint[:, start + after] * weight


def normalize_range(keypoint: np.ndarray) -> np.ndarray:
    """Scale each axis to [-1, 1] over all real frames; an axis without extent becomes 0."""
    real = _real(keypoint)
    if not real.any():
        return keypoint
    bodies = keypoint[real]
    low, high = bodies.min(axis=(0, 1)), bodies.max(axis=(0, 1))
    extent = high - low
    unit = np.divide(bodies - low, extent, out=np.full_like(bodies, 0.5), where=extent > 0)
    scaled = np.zeros_like(keypoint)
    scaled[real] = 2 * unit - 1
    return scaled


def pick_frames(keypoint: np.ndarray, num_frames: int = 52, random: bool = False) -> np.ndarray:
    """Choose frames evenly, not at random, repeating where there are too few."""
    if random:
        raise ValueError('a test does not draw frames at random')
    frames = np.linspace(0, keypoint.shape[1] - 1, num_frames).astype(np.int64)
    return keypoint[:, frames]


def stream(
    keypoint: np.ndarray,
    stream: str = 'joint',
    keep_joints: bool = False,
    parents: Sequence[int] = (),
) -> np.ndarray:
    """Turn joints into a stream; with ``keep_joints`` the joints follow it, (M, T, V, 2 C)."""
    joints = keypoint
    if stream.startswith('bone'):
        keypoint = keypoint - keypoint[:, :, list(parents)]
    elif stream.startswith('k_bone'):
        far = [j if parents[p] == p else parents[p] for j, p in enumerate(parents)]
        keypoint = keypoint - keypoint[:, :, far]
    if stream.endswith('motion'):
        motion = np.zeros_like(keypoint)
        motion[:, :-1] = keypoint[:, 1:] - keypoint[:, :-1]
        keypoint = motion
    return np.concatenate((keypoint, joints), axis=-1) if keep_joints else keypoint


def format_persons(keypoint: np.ndarray, num_person: int = 2, pad: str = 'zero') -> np.ndarray:
    """Cut to a number of persons, or fill up with zeros or, with ``'copy'``, the first."""
    output = np.zeros((num_person, *keypoint.shape[1:]), np.float32)
    if pad == 'copy':
        output[:] = keypoint[0]
    given = min(num_person, len(keypoint))
    output[:given] = keypoint[:given]
    return output


def pack_persons(keypoint: np.ndarray) -> PackedPersons:
    """Leave the empty person slots of clips (N, M, T, V, C) out.

    A slot is empty if all its coordinates are exactly zero. Of clips without anybody at
    all, the first slot of the first clip is kept: a network is never run on nothing.
    """
    if keypoint.ndim != 5 or not keypoint.size:
        raise ValueError(f'clips are (N, M, T, V, C), got {keypoint.shape}')
    # (N, M); NaN is somebody
    present: Any = keypoint.reshape(*keypoint.shape[:2], -1).any(-1)
    if not present.any():
        present[0, 0] = True
    clips, slots = present.nonzero()
    members = (np.arange(len(keypoint))[:, None] == clips).astype(np.float32)
    persons = np.ascontiguousarray(keypoint[present], np.float32)
    return PackedPersons(persons, slots.astype(np.int64), members)


def _real(keypoint: np.ndarray) -> np.ndarray:
    """Tell which frames of which person hold a body: bool, (M, T)."""
    return np.asarray(keypoint.any(axis=(2, 3)))


STEPS: dict[str, Callable[..., np.ndarray]] = {
    'CenterSkeleton': center,
    'ValidCropResize': crop_and_resize,
    'NormalizeRange': normalize_range,
    'PickFrames': pick_frames,
    'SkeletonStream': stream,
    'FormatSkeleton': format_persons,
}
"""The transforms that this file knows, by their names in the description."""
