"""Parametric motions, and the action classes that they make up.

Two classes of a pair share a motion: the hands go the same way, and only small habits of how one
handles an object tell them apart in the skeleton.
"""

from functools import partial

import numpy as np

from mmcl_ext.preparation.synthetic.action import Action
from mmcl_ext.preparation.synthetic.pose_track import PoseTrack
from mmcl_ext.preparation.synthetic.take import Take

LEFT, RIGHT = 0, 1
_MIRROR = np.array([-1.0, 1.0, 1.0])


def hand_to_mouth(take: Take, drink: bool) -> tuple[PoseTrack, np.ndarray]:
    """Bring a hand to the mouth, to drink from a cup or to wipe the mouth."""
    near, far = (-0.095, -0.26) if drink else (-0.055, -0.22)
    up = take.pulse(0.05, 0.25, 0.8, 0.97)
    hertz = 0.45 if drink else 0.6
    sips = up * np.clip(0.6 + 0.8 * take.wave(hertz), 0.0, 1.0)
    mouth, chest = (
        take.place('mouth', 0.02, -0.03, near),
        take.place('chest', 0.08, 0.08, far + 0.2),
    )
    goal = _between(chest, mouth, sips)
    if not drink:
        goal = goal + _column(0.03 * take.amplitude * take.wave(1.6) * sips)
    track = _reach(_stand(take), RIGHT, goal, up, point=(-0.7, 0.6, -0.35))
    tilt = -0.28 if drink else 0.05
    return track.change(head_pitch=track.head_pitch + tilt * sips), _always(take)


def hand_to_ear(take: Take, phone: bool) -> tuple[PoseTrack, np.ndarray]:
    """Hold a hand at the ear, to call by phone or to scratch the head."""
    up = take.pulse(0.05, 0.25, 0.82, 0.98)
    spot = take.place('ear', 0.045, -0.01, -0.02) if phone else take.place('ear', 0.04, 0.02, 0.0)
    stir = (0.006 if phone else 0.028) * take.amplitude
    scratch = np.stack([0.3 * take.wave(2.2), take.wave(2.4), 0.5 * take.wave(1.9)], axis=1)
    goal = spot + stir * scratch
    track = _reach(_stand(take), RIGHT, goal, up, point=(-0.25, 0.9, -0.1))
    return track.change(roll=track.roll + (0.08 if phone else 0.02) * up), _always(take)


def hands_before_chest(take: Take, read: bool) -> tuple[PoseTrack, np.ndarray]:
    """Hold both hands before the chest, to read a book or to rub the hands."""
    up = take.pulse(0.02, 0.2, 0.85, 0.99)
    apart, bow = (0.11, 0.36) if read else (0.065, 0.18)
    spot = take.place('chest', 0.0, 0.02, 0.02)
    stir = (0.008 if read else 0.03) * take.amplitude * take.wave(1.3)
    leaf = 0.05 * take.pulse(0.45, 0.5, 0.52, 0.6) if read else 0.0 * up
    track = _stand(take)
    for side, sign in ((LEFT, -1.0), (RIGHT, 1.0)):
        offset = np.stack([sign * apart + 0.0 * up, sign * stir, sign * stir], axis=1)
        goal = spot + offset + (side == RIGHT) * _column(-leaf)
        track = _reach(track, side, goal, up, point=(-0.35, 0.35, -0.8))
    return track.change(head_pitch=track.head_pitch + bow * up), _always(take)


def overhand(take: Take, throw: bool) -> tuple[PoseTrack, np.ndarray]:
    """Swing an arm over the shoulder, to throw a ball or to shoo somebody away."""
    ready = take.pulse(0.02, 0.15, 0.8, 0.97)
    back, forth = take.ramp(0.2, 0.42), take.ramp(0.45, 0.57)
    size = take.amplitude * (1.05 if throw else 0.85)
    front = take.place('chest', 0.14, 0.10, 0.05)
    behind = take.place('ear', 0.16, 0.04, 0.14 * size)
    ahead = take.place('chest', 0.05, 0.20, -0.28 * size)
    goal = _between(_between(front, behind, back), ahead, forth)
    track = _reach(_stand(take), RIGHT, goal, ready, point=(0.0, 0.8, -0.5))
    turn = size * ready * (0.35 * (forth - 0.5 * back))
    step = np.array([0.0, 0.0, -0.10 * size]) * forth[:, None] * ready[:, None]
    track = _shift_foot(track, LEFT, step)
    return track.change(twist=track.twist + turn), forth < 0.6


def stoop_and_rise(take: Take, lift: bool) -> tuple[PoseTrack, np.ndarray]:
    """Bend down with both hands and rise again, to lift a box or to stretch the back."""
    down = take.pulse(0.03, 0.38, 0.45, 0.8)
    apart = 0.18 if lift else 0.12
    held = take.phase > take.phase[int(down.argmax())]
    low = np.array([0.0, -0.62 * take.body.height * 0.5 - 0.28, -0.22])
    high = take.place('chest', 0.0, -0.08, -0.06)
    raised = take.pulse(0.02, 0.2, 0.9, 0.99)
    track = _stand(take)
    for side, sign in ((LEFT, -1.0), (RIGHT, 1.0)):
        goal = _between(high, low + take.rng.normal(0.0, 0.02, 3), down)
        goal = goal + sign * np.array([apart, 0.0, 0.0])
        track = _reach(track, side, goal, raised, point=(-0.1, -0.3, -0.9))
    depth = take.amplitude * (1.08 if lift else 0.95)
    sink = down[:, None] * np.array([0.0, -0.17 * depth, 0.10]) * take.body.height / 1.7
    return track.change(lean=track.lean + 0.85 * depth * down, root=track.root + sink), held


def wave_hand(take: Take) -> tuple[PoseTrack, np.ndarray]:
    """Wave a hand beside the head."""
    up = take.pulse(0.03, 0.22, 0.82, 0.97)
    swing = _column(0.10 * take.amplitude * take.wave(1.4))
    goal = take.place('ear', 0.22, 0.10, -0.12) + swing
    return _reach(_stand(take), RIGHT, goal, up, point=(0.1, 1.0, -0.1)), _never(take)


def kick(take: Take) -> tuple[PoseTrack, np.ndarray]:
    """Kick forward with a foot."""
    height = take.body.height
    back, forth = take.pulse(0.15, 0.35, 0.36, 0.5), take.pulse(0.38, 0.55, 0.6, 0.85)
    swing = np.outer(back, (0.0, 0.10, 0.16)) + np.outer(forth, (0.0, 0.22, -0.34))
    track = _shift_foot(_stand(take), RIGHT, take.amplitude * height * swing)
    return track.change(lean=track.lean - 0.18 * forth), _never(take)


def squat(take: Take) -> tuple[PoseTrack, np.ndarray]:
    """Squat with the arms stretched forward."""
    down = np.maximum(take.pulse(0.05, 0.25, 0.3, 0.5), take.pulse(0.52, 0.7, 0.75, 0.95))
    sink = np.outer(down, (0.0, -0.16, 0.08)) * take.amplitude * take.body.height
    track = _stand(take)
    for side, sign in ((LEFT, -1.0), (RIGHT, 1.0)):
        goal = np.array([sign * 0.16, 0.02, -0.85 * take.body.arm]) + 0.0 * sink
        track = _reach(track, side, goal, down, point=(0.0, 0.0, -1.0))
    return track.change(root=track.root + sink, lean=track.lean + 0.4 * down), _never(take)


ACTIONS: tuple[Action, ...] = (
    Action('drink from a cup', partial(hand_to_mouth, drink=True), 'cup', twin='wipe the mouth'),
    Action('wipe the mouth', partial(hand_to_mouth, drink=False), twin='drink from a cup'),
    Action('phone call', partial(hand_to_ear, phone=True), 'phone', twin='scratch the head'),
    Action('scratch the head', partial(hand_to_ear, phone=False), twin='phone call'),
    Action(
        'read a book',
        partial(hands_before_chest, read=True),
        'book',
        two_hands=True,
        twin='rub the hands',
    ),
    Action('rub the hands', partial(hands_before_chest, read=False), twin='read a book'),
    Action('throw a ball', partial(overhand, throw=True), 'ball', twin='shoo away'),
    Action('shoo away', partial(overhand, throw=False), twin='throw a ball'),
    Action(
        'lift a box',
        partial(stoop_and_rise, lift=True),
        'box',
        two_hands=True,
        twin='stretch the back',
    ),
    Action('stretch the back', partial(stoop_and_rise, lift=False), twin='lift a box'),
    Action('wave', wave_hand),
    Action('kick', kick),
    Action('squat', squat),
)
"""All action classes; the position is the label."""


def _stand(take: Take) -> PoseTrack:
    """Stand as the subject does, swaying a little."""
    track = PoseTrack.standing(take.body, take.num_frames, take.subject.elbow_out)
    sway = take.drift(0.008)
    lean, roll, twist, pitch, turn = take.drift(0.025, dims=5).T
    return track.change(
        root=track.root + sway * (1.0, 0.0, 1.0),
        lean=take.subject.stoop + lean,
        roll=roll,
        twist=twist,
        head_pitch=0.05 + pitch,
        head_turn=turn,
        palms=track.palms + np.stack([take.drift(0.012), take.drift(0.012)]),
    )


def _reach(
    track: PoseTrack,
    side: int,
    goal: np.ndarray,
    weight: np.ndarray,
    point: tuple[float, float, float],
) -> PoseTrack:
    """Move a hand from where it is to a goal.

    Args:
        track: The controls so far.
        side: ``LEFT`` or ``RIGHT``.
        goal: (T, 3) metres.
        weight: (T,) how far the hand has come, from 0 to 1.
        point: Direction of the fingers at the goal, given for a right hand.
    """
    palms, fingers = track.palms.copy(), track.fingers.copy()
    direction = np.array(point) * (_MIRROR if side == LEFT else 1.0)
    palms[side] = _between(palms[side], goal, weight)
    fingers[side] = _between(fingers[side], direction / np.linalg.norm(direction), weight)
    return track.change(palms=palms, fingers=fingers)


def _shift_foot(track: PoseTrack, side: int, offset: np.ndarray) -> PoseTrack:
    ankles = track.ankles.copy()
    ankles[side] = ankles[side] + offset
    return track.change(ankles=ankles)


def _between(start: np.ndarray, end: np.ndarray, share: np.ndarray) -> np.ndarray:
    return start + share[:, None] * (end - start)


def _column(curve: np.ndarray) -> np.ndarray:
    """Turn a (T,) curve into (T, 3) offsets to the side."""
    return np.multiply.outer(curve, (1.0, 0.0, 0.0))


def _always(take: Take) -> np.ndarray:
    return np.ones(take.num_frames, dtype=bool)


def _never(take: Take) -> np.ndarray:
    return np.zeros(take.num_frames, dtype=bool)
