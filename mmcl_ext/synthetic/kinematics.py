"""Forward kinematics: from the controls of a pose to the 25 joints of NTU RGB+D."""

from dataclasses import dataclass, replace

import numpy as np

from mmcl_ext.graphs.layouts import get_layout
from mmcl_ext.synthetic.subject import Body


@dataclass(frozen=True)
class PoseTrack:
    """Controls of T frames of a right-handed person who looks at the camera.

    Directions: x to the person's right, y up, z to the person's back. Hands are given from the
    middle of the shoulders, along the axes of the upper trunk; feet and root from the spot on the
    floor where the person stands. Of two hands or feet the left one comes first.

    Args:
        root: (T, 3) metres, the base of the spine.
        lean: (T,) radians, the trunk bends forward.
        roll: (T,) radians, the trunk bends to the right.
        twist: (T,) radians, the shoulders turn to the left.
        head_pitch: (T,) radians, the face turns down.
        head_turn: (T,) radians, the face turns to the left.
        palms: (2, T, 3) metres.
        fingers: (2, T, 3) directions in which the hands point, of any length but 0.
        elbows: (2, 3) directions to which the elbows point.
        ankles: (2, T, 3) metres.
    """

    root: np.ndarray
    lean: np.ndarray
    roll: np.ndarray
    twist: np.ndarray
    head_pitch: np.ndarray
    head_turn: np.ndarray
    palms: np.ndarray
    fingers: np.ndarray
    elbows: np.ndarray
    ankles: np.ndarray

    @classmethod
    def standing(cls, body: Body, num_frames: int, elbow_out: float = 0.5) -> 'PoseTrack':
        """Stand upright, arms down, the elbows as far to the side as ``elbow_out`` says."""
        mirror = np.array([[-1.0, 1.0, 1.0], [1.0, 1.0, 1.0]])
        side = np.stack([body.landmark('side'), (0.0, -1.0, -0.1), (elbow_out, -1.0, 0.35)])
        palms, fingers, elbows = (mirror * place for place in side)
        ankle = mirror * np.array([1.25 * body.hip, body.ankle, 0.0])
        frames = (2, num_frames, 3)
        angles = ('lean', 'roll', 'twist', 'head_pitch', 'head_turn')
        return cls(
            root=np.tile([0.0, body.pelvis, 0.0], (num_frames, 1)),
            **dict.fromkeys(angles, np.zeros(num_frames)),
            palms=np.broadcast_to(palms[:, None], frames),
            fingers=np.broadcast_to(fingers[:, None], frames),
            elbows=elbows,
            ankles=np.broadcast_to(ankle[:, None], frames),
        )

    def change(self, **curves: np.ndarray) -> 'PoseTrack':
        """Return a copy with some curves replaced."""
        return replace(self, **curves)


LAYOUT = 'nturgb+d'
JOINT = {name: index for index, name in enumerate(get_layout(LAYOUT).joint_names)}


def rotation(axis: str, angle: np.ndarray) -> np.ndarray:
    """Right-handed rotations (T, 3, 3) by (T,) radians about ``'x'``, ``'y'`` or ``'z'``."""
    if axis not in ('x', 'y', 'z'):
        raise ValueError(f"axis is {axis!r}, expected 'x', 'y' or 'z'")
    first, second = {'x': (1, 2), 'y': (2, 0), 'z': (0, 1)}[axis]
    matrices = np.tile(np.eye(3), (len(angle), 1, 1))
    matrices[:, first, first] = matrices[:, second, second] = np.cos(angle)
    matrices[:, second, first] = np.sin(angle)
    matrices[:, first, second] = -np.sin(angle)
    return matrices


def bend(
    start: np.ndarray, end: np.ndarray, upper: float, lower: float, pole: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Solve a limb of two bones by the law of cosines; lengths and places (T, 3) are in metres.

    The limb begins at ``start`` and should end at ``end``; out of reach, it ends on the way there.
    The joint between the bones ``upper`` and ``lower`` points to ``pole``, a direction (T, 3).

    Returns:
        (T, 3) the joint between the bones, and (T, 3) the end that is reached.
    """
    way = end - start
    distance = np.linalg.norm(way, axis=1, keepdims=True)
    along = way / np.maximum(distance, 1e-9)
    reach = np.clip(distance, abs(upper - lower) + 1e-3, 0.999 * (upper + lower))
    cosine = (upper**2 + reach**2 - lower**2) / (2 * upper * reach)
    across = _unit(pole - (pole * along).sum(axis=1, keepdims=True) * along)
    sine = np.sqrt(np.clip(1 - cosine**2, 0.0, 1.0))
    return start + upper * (cosine * along + sine * across), start + reach * along


def joint_positions(track: PoseTrack, body: Body) -> np.ndarray:
    """Compute the joints (T, V=25, 3) of a person in metres, in the axes of :class:`PoseTrack`."""
    joints = np.empty((len(track.root), len(JOINT), 3))
    trunk = _trunk_rotation(track, 1.0)
    _place_trunk(joints, track, body, trunk)
    for side, sign in enumerate((-1.0, 1.0)):
        _place_arm(joints, track, body, trunk, side, sign)
        _place_leg(joints, track, body, side, sign)
    return joints


def mirrored(joints: np.ndarray) -> np.ndarray:
    """Turn joints (T, V=25, 3) of a right-handed person into those of a left-handed one."""
    return joints[:, get_layout(LAYOUT).partners] * (-1.0, 1.0, 1.0)


def _trunk_rotation(track: PoseTrack, share: float) -> np.ndarray:
    lean, roll = rotation('x', -share * track.lean), rotation('z', -share * track.roll)
    matrices: np.ndarray = lean @ roll @ rotation('y', share * track.twist)
    return matrices


def _place_trunk(joints: np.ndarray, track: PoseTrack, body: Body, trunk: np.ndarray) -> None:
    head = trunk @ rotation('y', track.head_turn) @ rotation('x', -track.head_pitch)
    joints[:, JOINT['spine_base']] = root = track.root
    lower = _trunk_rotation(track, 0.7)
    joints[:, JOINT['spine_mid']] = middle = root + lower[:, :, 1] * body.lower_spine
    joints[:, JOINT['spine_shoulder']] = top = middle + trunk[:, :, 1] * body.upper_spine
    joints[:, JOINT['neck']] = neck = top + trunk[:, :, 1] * body.neck
    joints[:, JOINT['head']] = neck + head[:, :, 1] * body.head


def _place_arm(
    joints: np.ndarray, track: PoseTrack, body: Body, trunk: np.ndarray, side: int, sign: float
) -> None:
    name = ('left', 'right')[side]
    top = joints[:, JOINT['spine_shoulder']]
    shoulder = top + trunk @ (sign * body.shoulder, -0.02 * body.height, 0.0)
    fingers = _unit(_turn(trunk, track.fingers[side]))
    wrist = top + _turn(trunk, track.palms[side]) - body.hand * fingers
    pole = trunk @ track.elbows[side]
    elbow, wrist = bend(shoulder, wrist, body.upper_arm, body.forearm, pole)
    across = _unit(np.cross(fingers, _turn(trunk, np.full_like(fingers, (0.0, 0.3, -1.0)))))
    hand = wrist + body.hand * fingers
    joints[:, JOINT[f'{name}_shoulder']] = shoulder
    joints[:, JOINT[f'{name}_elbow']] = elbow
    joints[:, JOINT[f'{name}_wrist']] = wrist
    joints[:, JOINT[f'{name}_hand']] = hand
    joints[:, JOINT[f'{name}_hand_tip']] = hand + body.tip * fingers
    joints[:, JOINT[f'{name}_thumb']] = hand + body.thumb * (0.6 * fingers + sign * 0.8 * across)


def _place_leg(joints: np.ndarray, track: PoseTrack, body: Body, side: int, sign: float) -> None:
    name = ('left', 'right')[side]
    hip = joints[:, JOINT['spine_base']] + (sign * body.hip, -0.01 * body.height, 0.0)
    pole = np.full_like(hip, (0.15 * sign, 0.0, -1.0))
    knee, ankle = bend(hip, track.ankles[side], body.thigh, body.shin, pole)
    toes = np.array((0.25 * sign, -0.35, -0.9))
    joints[:, JOINT[f'{name}_hip']] = hip
    joints[:, JOINT[f'{name}_knee']] = knee
    joints[:, JOINT[f'{name}_ankle']] = ankle
    joints[:, JOINT[f'{name}_foot']] = ankle + body.foot * toes / np.linalg.norm(toes)


def _turn(matrices: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Apply (T, 3, 3) matrices to (T, 3) vectors, frame by frame."""
    turned: np.ndarray = np.einsum('tij,tj->ti', matrices, vectors)
    return turned


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)
