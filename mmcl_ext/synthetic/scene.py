"""A synthetic scene: who does what, with what, where; what is true about it; and its pictures."""

from dataclasses import dataclass

import cv2
import numpy as np

from mmcl_ext.preparation.videos.camera import PinholeCamera
from mmcl_ext.synthetic.kinematics import JOINT, joint_positions, mirrored, rotation
from mmcl_ext.synthetic.motions import Action
from mmcl_ext.synthetic.scenery import Canvas, HeldObject, Room
from mmcl_ext.synthetic.subject import Subject, Trial

_GRAVITY = 9.81


@dataclass(frozen=True)
class Scene:
    """One performance of an action before the camera, complete.

    All coordinates are metres in the camera's axes, those of a Kinect: x to the right of a person
    who faces the camera, y up, z away from the camera. ``joints`` (T, V=25, 3) are the true ones;
    an object has its centre ``place`` (T, 3) and, as columns, ``axes`` (T, 3, 3), and in the frames
    ``held`` (T,) it is in the hand.
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
        tilted = item is not None and item.kind == 'book'
        return turn @ rotation('x', np.full(len(turn), -0.5)) if tilted else turn
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


CAMERA = PinholeCamera(focal=370.0, center=(160.0, 160.0), size=(320, 320))
"""Camera of all synthetic pictures; not mirrored in the Kinect's axes, like its skeletons."""

_NEAREST = 0.5  # metres; what flies closer to the camera has left the view


def render(scene: Scene, frame: int, background: np.ndarray | None = None) -> np.ndarray:
    """Draw frame number ``frame`` of a scene: (H, W, 3) uint8, BGR.

    The painted room may be given as ``background``, to paint it once for several frames.
    """
    if not 0 <= frame < scene.num_frames:
        raise ValueError(f'frame {frame} of a scene of {scene.num_frames}')
    picture = scene.room.paint(CAMERA) if background is None else background.copy()
    _paint_shadow(picture, scene, frame)
    canvas = Canvas(picture, CAMERA)
    _add_person(canvas, scene, frame)
    _add_item(canvas, scene, frame)
    return canvas.finish()


def _paint_shadow(picture: np.ndarray, scene: Scene, frame: int) -> None:
    spot = scene.joints[frame, JOINT['spine_base']] * (1.0, 0.0, 1.0)
    spot[1] = scene.room.floor_y
    column, row = CAMERA.project(spot).round().astype(int).tolist()
    wide = round(CAMERA.focal * 0.32 / spot[2])
    layer = picture.copy()
    cv2.ellipse(layer, (column, row), (wide, wide // 4), 0, 0, 360, (30, 30, 30), cv2.FILLED)
    cv2.addWeighted(layer, 0.35, picture, 0.65, 0, dst=picture)


def _add_person(canvas: Canvas, scene: Scene, frame: int) -> None:
    at = {name: scene.joints[frame, index] for name, index in JOINT.items()}
    subject = scene.subject
    thick = subject.body.girth * subject.body.height / 1.75
    for side in ('left', 'right'):
        _add_leg(canvas, at, side, thick, scene)
        _add_arm(canvas, at, side, thick, scene)
        shoulder = 0.82 * at[f'{side}_shoulder'] + 0.18 * at['spine_shoulder']
        canvas.capsule(shoulder, at[f'{side}_hip'], (0.075 * thick, 0.095 * thick), subject.shirt)
    top, radii = at['spine_shoulder'], (0.10 * thick, 0.12 * thick)
    canvas.capsule(top, at['spine_base'], radii, subject.shirt, nearer=0.01)
    canvas.capsule(top, at['neck'], (0.05, 0.05), subject.skin, nearer=0.02)
    _add_head(canvas, at, scene)


def _add_leg(
    canvas: Canvas, at: dict[str, np.ndarray], side: str, thick: float, scene: Scene
) -> None:
    trousers = scene.subject.trousers
    hip, knee, ankle, foot = (at[f'{side}_{name}'] for name in ('hip', 'knee', 'ankle', 'foot'))
    canvas.capsule(hip, knee, (0.09 * thick, 0.065 * thick), trousers)
    canvas.capsule(knee, ankle, (0.065 * thick, 0.045 * thick), trousers)
    canvas.capsule(ankle, foot, (0.045, 0.04), (35, 35, 40))


def _add_arm(
    canvas: Canvas, at: dict[str, np.ndarray], side: str, thick: float, scene: Scene
) -> None:
    names = ('shoulder', 'elbow', 'wrist', 'hand', 'hand_tip', 'thumb')
    shoulder, elbow, wrist, hand, tip, thumb = (at[f'{side}_{name}'] for name in names)
    subject = scene.subject
    canvas.capsule(shoulder, elbow, (0.062 * thick, 0.048 * thick), subject.shirt, nearer=0.06)
    canvas.capsule(elbow, wrist, (0.046 * thick, 0.034 * thick), subject.skin, nearer=0.06)
    canvas.capsule(wrist, hand, (0.036, 0.045), subject.skin, nearer=0.06)
    canvas.capsule(hand, tip, (0.042, 0.022), subject.skin, nearer=0.06)
    canvas.capsule(hand, thumb, (0.02, 0.016), subject.skin, nearer=0.06)


def _add_head(canvas: Canvas, at: dict[str, np.ndarray], scene: Scene) -> None:
    neck, head = at['neck'], at['head']
    up = (head - neck) / np.linalg.norm(head - neck)
    right = at['right_shoulder'] - at['left_shoulder']
    front = np.cross(up, right / np.linalg.norm(right))
    front = front / np.linalg.norm(front)
    right = np.cross(front, up)
    size = 0.058 * scene.subject.body.height
    chin, brow = head - 0.25 * size * up, head + 0.3 * size * up
    canvas.capsule(chin, brow, (0.85 * size, size), scene.subject.skin, nearer=0.03)
    crown = head + 0.55 * size * up - 0.35 * size * front
    canvas.capsule(crown, crown + 0.15 * size * up, (0.98 * size, 0.9 * size), scene.subject.hair)
    fringe = head + 0.92 * size * up + 0.25 * size * front
    ends, radii = (fringe - 0.4 * size * right, fringe + 0.4 * size * right), (0.38 * size,) * 2
    canvas.capsule(*ends, radii, scene.subject.hair, nearer=0.05)
    for sign in (-1.0, 1.0):
        eye = head + 0.2 * size * up + 0.9 * size * front + 0.36 * sign * size * right
        canvas.capsule(eye, eye, (0.012, 0.012), (40, 35, 35), nearer=0.05)


def _add_item(canvas: Canvas, scene: Scene, frame: int) -> None:
    if scene.item is None or scene.place[frame, 2] < _NEAREST:
        return
    place, axes = scene.place[frame], scene.axes[frame]
    if scene.item.radius:
        radius = scene.item.radius
        canvas.capsule(place, place, (radius, radius), scene.item.colour, nearer=0.12)
        return
    faces = [(corners @ axes.T + place, colour) for corners, colour in scene.item.faces()]
    order = sorted(range(len(faces)), key=lambda i: -faces[i][0][:, 2].mean())
    # A held object is drawn between the arm and what is nearer, its own faces in their order.
    base = place[2] - 0.11
    for rank, index in enumerate(order):
        canvas.polygon(*faces[index], depth=base - 1e-4 * rank)
