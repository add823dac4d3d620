"""A synthetic scene: who does what, with what, where; and what is true about it."""

from dataclasses import dataclass

import numpy as np

from mmcl_ext.synthetic.held_object import HeldObject
from mmcl_ext.synthetic.kinematics import JOINT, joint_positions, mirrored, rotation
from mmcl_ext.synthetic.motions import Action
from mmcl_ext.synthetic.room import Room
from mmcl_ext.synthetic.subject import Subject
from mmcl_ext.synthetic.trial import Trial

_GRAVITY = 9.81


@dataclass(frozen=True)
class Scene:
    """One performance of an action before the camera, complete.

    All coordinates are metres in the camera's axes, those of a Kinect: x to the right of a person
    who faces the camera, y up, z away from the camera.

    Args:
        joints: (T, V=25, 3) the true joints.
        item: The object, None without one.
        place: (T, 3) centre of the object; unused without one.
        axes: (T, 3, 3) its axes as columns; unused without one.
        held: (T,) bool, whether it is in the hand.
    """

    action: Action
    subject: Subject
    room: Room
    joints: np.ndarray
    item: HeldObject | None
    place: np.ndarray
    axes: np.ndarray
    held: np.ndarray

    @classmethod
    def draw(cls, action: Action, subject: Subject, rng: np.random.Generator) -> 'Scene':
        """Let a subject perform an action somewhere; equal states of ``rng`` give equal scenes."""
        trial = Trial(subject, rng)
        room = Room.draw(rng)
        track, held = action.motion(trial)
        joints = joint_positions(track, subject.body)
        if subject.left_handed:
            joints = mirrored(joints)
        yaw = rng.normal(0.0, 0.3) + trial.drift(0.03, dims=1)[:, 0]
        turn = rotation('y', yaw)
        spot = np.array([rng.uniform(-0.25, 0.25), room.floor_y, rng.uniform(2.7, 3.4)])
        joints = np.einsum('tij,tvj->tvi', turn, joints) + spot
        item = None if action.item is None else HeldObject.draw(action.item, rng)
        held = held & (item is not None)
        place = _follow_hands(joints, action, subject, held, item, trial.duration)
        place[:, 1] = np.maximum(place[:, 1], room.floor_y + 0.1)
        axes = _orient(joints, turn, subject, item)
        return cls(action, subject, room, joints, item, place, axes, held)

    @property
    def num_frames(self) -> int:
        """Number of frames T."""
        return len(self.joints)


def _lead(subject: Subject) -> str:
    return 'left' if subject.left_handed else 'right'


def _follow_hands(
    joints: np.ndarray,
    action: Action,
    subject: Subject,
    held: np.ndarray,
    item: HeldObject | None,
    duration: float,
) -> np.ndarray:
    """Centre of the object (T, 3): in the hand, before that where it lay, after that in flight."""
    sides = ('left', 'right') if action.two_hands else (_lead(subject),)
    hands = np.mean([joints[:, JOINT[f'{side}_hand']] for side in sides], axis=0)
    if item is None or not held.any():
        return hands
    if item.kind == 'ball':
        wrist = joints[:, JOINT[f'{_lead(subject)}_wrist']]
        hands = (
            hands + item.radius * (hands - wrist) / np.linalg.norm(hands - wrist, axis=1)[:, None]
        )
    frames = np.flatnonzero(held)
    first, last = frames[0], frames[-1]
    place = hands.copy()
    place[:first] = hands[first]
    step = duration / len(joints)
    seconds = step * np.arange(1, len(joints) - last)[:, None]
    speed = (hands[last] - hands[max(last - 2, 0)]) / (2 * step)
    fall = np.array([0.0, -0.5 * _GRAVITY, 0.0])
    place[last + 1 :] = hands[last] + speed * seconds + fall * seconds**2
    return place


def _orient(
    joints: np.ndarray, turn: np.ndarray, subject: Subject, item: HeldObject | None
) -> np.ndarray:
    """Axes of the object (T, 3, 3) as columns: along the holder's, or tilted by its use."""
    if item is None or item.kind in ('ball', 'box', 'book'):
        return turn if item is None or item.kind != 'book' else turn @ _tilt(len(turn), -0.5)
    lead = _lead(subject)
    hand, tip = joints[:, JOINT[f'{lead}_hand']], joints[:, JOINT[f'{lead}_hand_tip']]
    if item.kind == 'phone':
        up = tip - hand
    else:  # a cup is tilted towards the mouth as it comes near
        way = joints[:, JOINT['head']] - hand
        near = np.clip(1.6 - np.linalg.norm(way, axis=1, keepdims=True) / 0.22, 0.0, 1.0)
        up = np.array([0.0, 1.0, 0.0]) + 1.1 * near * way * (1.0, 0.0, 1.0) / 0.15
    up = up / np.linalg.norm(up, axis=1, keepdims=True)
    right = np.cross(up, turn[:, :, 2])
    right /= np.maximum(np.linalg.norm(right, axis=1, keepdims=True), 1e-9)
    return np.stack([right, up, np.cross(right, up)], axis=2)


def _tilt(num_frames: int, angle: float) -> np.ndarray:
    return rotation('x', np.full(num_frames, angle))
