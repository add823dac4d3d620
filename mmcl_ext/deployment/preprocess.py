"""What an exported model's input goes through, in numpy alone.

This file stands on its own: copy it next to an exported model. It needs numpy, nothing of
this package, and does what the test pipelines of the shipped NTU RGB+D, NW-UCLA and UTD-MHAD
configurations do. The file's meta data entry ``mmcl_ext.model_info`` tells the rest::

    info = json.loads(metadata['mmcl_ext.model_info'])
    clips = prepare_clips(keypoint, info)           # keypoint: (M, T, V, C), metres
    persons, slots, members = pack_persons(clips)
    logits = session.run(None, {'persons': persons, 'slots': slots, 'members': members})[0]
    scores = average_clips(logits, info)            # (K,)

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

    As :func:`prepare_clips`, for a pipeline that makes one clip; another is a ValueError.
    """
    clips = prepare_clips(keypoint, info)
    if len(clips) != 1:
        raise ValueError(f'the pipeline makes {len(clips)} clips: use prepare_clips')
    return clips[0]


def prepare_clips(keypoint: np.ndarray, info: Mapping[str, Any]) -> np.ndarray:
    """Turn a skeleton sequence (M, T, V, C) into clips (N, M', T', V, C), float32, for a network.

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
    clips = 1
    for step in info['pipeline']:
        settings = {key: value for key, value in step.items() if key != 'type'}
        name = str(step['type']).rpartition('.')[2]
        if name == 'PackActionInputs':
            continue
        if name not in STEPS:
            raise ValueError(f'this file does not know the transform {name}')
        if name == 'SkeletonStream':
            settings['parents'] = parents_of(info)
        if name == 'UniformSample':
            clips = settings.get('num_clips', 1)
        keypoint = STEPS[name](keypoint, **settings)
    persons, frames, *rest = keypoint.shape
    apart = keypoint.reshape(persons, clips, frames // clips, *rest).swapaxes(0, 1)
    return np.ascontiguousarray(apart, np.float32)


def average_clips(logits: np.ndarray, info: Mapping[str, Any]) -> np.ndarray:
    """Average the logits (N, K) of a sequence's clips as in the tests: (K,).

    With ``'prob'`` the mean of the clips' probabilities, else of their logits.
    """
    if info.get('average_clips') != 'prob':
        return logits.mean(axis=0)
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (powers / powers.sum(axis=1, keepdims=True)).mean(axis=0)


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


def align(
    keypoint: np.ndarray,
    center: int = 1,
    spine: Sequence[int] = (0, 1),
    shoulders: Sequence[int] = (4, 8),
    align_spine: bool = True,
) -> np.ndarray:
    """Put the person with the most real frames first, keep those frames, move and turn the clip.

    In the first of them, ``center`` becomes the origin; with ``align_spine`` the spine then turns
    onto +z and the line from the left to the right shoulder onto +x. Zeros stay zero.
    """
    real = np.abs(keypoint).max(axis=(2, 3)) > 1e-8
    if not real.any():
        return keypoint
    main = int(real.sum(axis=1).argmax())
    order = [main, *(m for m in range(len(keypoint)) if m != main)]
    keypoint = keypoint[order][:, real[main]]
    centered = keypoint - keypoint[0, 0, center]
    centered[~keypoint.any(axis=-1)] = 0
    if not align_spine:
        return centered
    body = centered[0, 0].astype(np.float64)
    upright = _turn_onto(body[spine[1]] - body[spine[0]], np.array([0.0, 0.0, 1.0]))
    across = upright @ (body[shoulders[1]] - body[shoulders[0]])
    rotation = _turn_onto(across, np.array([1.0, 0.0, 0.0])) @ upright
    return centered @ rotation.T.astype(np.float32)


def _turn_onto(vector: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the smallest rotation of a vector onto a unit vector, the identity if it has none."""
    axis = np.cross(vector, target)
    if np.abs(axis).sum() < 1e-6:
        return np.eye(3)
    (x, y, z), length = axis, np.linalg.norm(vector)
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    cosine = vector @ target / length
    return np.eye(3) + cross / length + (1 - cosine) / (axis @ axis) * (cross @ cross)


def sample_uniformly(
    keypoint: np.ndarray,
    clip_len: int = 100,
    num_clips: int = 1,
    test_mode: bool = False,
    seed: int = 255,
    p_interval: Sequence[float] | None = None,
) -> np.ndarray:
    """Take clips, one after the other, of one frame from each of ``clip_len`` equal parts.

    A sequence shorter than a clip is looped. The same frames each time, drawn from ``seed``.
    """
    if not test_mode:
        raise ValueError('a test does not draw frames at random: UniformSample needs test_mode')
    rng, length = np.random.RandomState(seed), keypoint.shape[1]
    frames = []
    for clip in range(num_clips):
        first, part = 0, length
        if p_interval is not None:
            low, high = p_interval
            part = max(int((low + (high - low) * rng.rand()) * length), 1)
            first = rng.randint(length - part + 1)
        frames.append(first + _spread(rng, part, clip_len, clip, num_clips))
    return keypoint[:, np.concatenate(frames) % length]


def _spread(rng: Any, length: int, size: int, clip: int, num_clips: int) -> np.ndarray:
    """Choose ``size`` of ``length`` frames, of which there may be too few."""
    if length < size:
        start = clip if length < num_clips else clip * length // num_clips
        return np.arange(size) + start
    if length < 2 * size:
        skipped = np.zeros(size + 1, np.int64)
        skipped[rng.permutation(size + 1)[: length - size]] = 1
        return np.arange(size) + skipped.cumsum()[:-1]
    bounds = np.arange(size + 1) * length // size
    return bounds[:-1] + rng.randint(np.diff(bounds))


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
    'AlignSkeleton': align,
    'CenterSkeleton': center,
    'ValidCropResize': crop_and_resize,
    'NormalizeRange': normalize_range,
    'PickFrames': pick_frames,
    'SkeletonStream': stream,
    'UniformSample': sample_uniformly,
    'FormatSkeleton': format_persons,
}
"""The transforms that this file knows, by their names in the description."""
