"""Choice of the actors of an NTU RGB+D recording, in three traditions.

The sensor loses people, finds them again under another identity and sees people in
furniture. What is made of that differs between the published data:

- :func:`ctrgcn_actors`: CTR-GCN (Chen et al., ICCV 2021), HD-GCN, InfoGCN, MMCL;
- :func:`pyskl_actors`: PYSKL (Duan et al., ACM MM 2022), whose files MMAction2 offers;
- :func:`mmaction_actors`: the script that MMAction2 ships.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mmcl_ext.datasets.converters.conversion import DroppedSampleError
from mmcl_ext.datasets.converters.skeleton_file import Recording

_SHORTEST = 11  # frames; a body has to last longer
_SPREAD = 0.8  # largest width of a body, relative to its height
_MAX_SPREAD_FRAMES = 0.69754  # share of wider frames that betrays furniture
_EPSILON = 1e-3  # PYSKL's zero, a sum of absolute coordinates in metres
_KINECT_SLOTS = 4  # MMAction2 looks at so many bodies in a frame


@dataclass(eq=False)
class _Body:
    """What was seen under one identity, as if it had never been lost in between.

    It has ``joints`` (T, V, C) from the frame ``start``; ``motion`` sums the variances of x, y, z.
    """

    start: int
    joints: np.ndarray
    motion: float

    @property
    def stop(self) -> int:
        return self.start + len(self.joints)


def ctrgcn_actors(recording: Recording) -> np.ndarray:
    """Choose the actors as CTR-GCN's scripts do: (M, T, V=25, C=3).

    M is 1 where only one body is left, else 2. Frames without anybody are removed; without a body
    left a DroppedSampleError is raised, as by the others.
    """
    bodies = _bodies(recording)
    if len(bodies) == 1:
        return bodies[0].joints[None]
    bodies = _long_enough(bodies)
    if len(bodies) > 1:
        bodies = _without_furniture(bodies, keep_last=True)
    if len(bodies) == 1:
        joints = bodies[0].joints[None]
    else:
        bodies.sort(key=lambda body: -body.motion)
        # An end that is still inside its interval: one shared frame does not count.
        joints = _assign(bodies, len(np.unique(recording.frame)), allowed_overlap=1)
    return joints[:, joints.sum(axis=(0, 2, 3)) != 0]


def pyskl_actors(recording: Recording) -> np.ndarray:
    """Choose the actors as PYSKL's script does: (M, T, V=25, C=3).

    M is 1 where only one body is left, then with that body's frames alone; else 2. Frames without
    anybody are removed at the ends only.
    """
    bodies = sorted(_bodies(recording), key=lambda body: -body.motion)
    if len(bodies) == 1:
        return bodies[0].joints[None]
    bodies = _long_enough(bodies)
    if len(bodies) > 1:
        bodies = _without_furniture(bodies, keep_last=False)
    if len(bodies) == 1:
        return bodies[0].joints[None]
    bodies.sort(key=lambda body: -body.motion)
    joints = _assign(bodies, max(body.stop for body in bodies), allowed_overlap=0)
    present = np.flatnonzero(np.abs(joints).sum(axis=(0, 2, 3)) >= _EPSILON)
    joints = joints[:, present[0] : present[-1] + 1]
    here = np.abs(joints[:, 0, 1]).sum(axis=-1) >= _EPSILON  # (M,), by the spine
    return joints[::-1] if here[1] and not here[0] else joints


def mmaction_actors(recording: Recording) -> np.ndarray:
    """Choose the actors as MMAction2's script does, by their place: (M, T, V=25, C=3).

    M is 1 or 2, T as the file declares; the two of largest extent come first.
    """
    joints = np.zeros((_KINECT_SLOTS, recording.num_frames, 25, 3), np.float32)
    seen = recording.slot < _KINECT_SLOTS
    joints[recording.slot[seen], recording.frame[seen]] = recording.joints[seen]
    extents = np.array([_extent(slot) for slot in joints])
    chosen = extents.argsort()[::-1][:2]
    joints = joints[[slot for slot in chosen if joints[slot].sum() != 0]]
    if not len(joints):
        raise DroppedSampleError('no body in any frame')
    return joints


@np.errstate(over='ignore', invalid='ignore')  # of absurd joints: infinite
def _extent(joints: np.ndarray) -> float:
    present = joints[joints.sum(axis=(1, 2)) != 0]
    return float(present.std(axis=(0, 1)).sum()) if len(present) else 0.0


def _bodies(recording: Recording) -> list[_Body]:
    """Gather the bodies by identity, in the order of their appearance."""
    _, frame = np.unique(recording.frame, return_inverse=True)  # empty frames do not count
    rows: dict[str, list[int]] = {}
    for row, identity in enumerate(recording.body_id):
        rows.setdefault(identity, []).append(row)
    if not rows:
        raise DroppedSampleError('no body in any frame')
    return [
        _Body(int(frame[found[0]]), joints, _motion(joints))
        for found, joints in ((found, recording.joints[found]) for found in rows.values())
    ]


@np.errstate(over='ignore', invalid='ignore')
def _motion(joints: np.ndarray) -> float:
    return float(joints.reshape(-1, 3).var(axis=0).sum())


def _long_enough(bodies: list[_Body]) -> list[_Body]:
    bodies = [body for body in bodies if len(body.joints) > _SHORTEST]
    if not bodies:
        raise DroppedSampleError(f'several bodies, none in more than {_SHORTEST} frames')
    return bodies


def _without_furniture(bodies: list[_Body], keep_last: bool) -> list[_Body]:
    """Drop bodies that are mostly too wide; measure the others' motion where they are not."""
    kept = list(bodies)
    for body in bodies:
        if keep_last and len(kept) == 1:
            break
        x, y = body.joints[:, :, 0], body.joints[:, :, 1]
        width, height = x.max(axis=1) - x.min(axis=1), y.max(axis=1) - y.min(axis=1)
        upright = width <= _SPREAD * height.astype(np.float64)
        if 1 - upright.mean() >= _MAX_SPREAD_FRAMES:
            kept.remove(body)
        elif not upright.all():
            body.motion = min(body.motion, _motion(body.joints[upright]))
    if not kept:
        raise DroppedSampleError('several bodies, each wider than a person')
    return kept


def _assign(bodies: list[_Body], num_frames: int, allowed_overlap: int) -> np.ndarray:
    """Put bodies, the main actor first, into two slots; those who do not meet share one."""
    joints = np.zeros((2, num_frames, 25, 3), np.float32)
    taken = [(bodies[0].start, bodies[0].stop), (0, allowed_overlap)]
    _put(joints[0], bodies[0])
    for body in bodies[1:]:
        for slot, (start, stop) in enumerate(taken):
            if min(stop, body.stop) - max(start, body.start) <= allowed_overlap:
                _put(joints[slot], body)
                taken[slot] = (min(start, body.start), max(stop, body.stop))
                break
    return joints


def _put(slot: np.ndarray, body: _Body) -> None:
    slot[body.start : body.stop] = body.joints[: len(slot) - body.start]


Actors = Callable[[Recording], np.ndarray]
