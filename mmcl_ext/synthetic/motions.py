"""Parametric motions, and the action classes that they make up.

Two classes of a pair share a motion: the hands go the same way, and only small habits of how one
handles an object tell them apart in the skeleton.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from mmcl_ext.synthetic.kinematics import PoseTrack
from mmcl_ext.synthetic.subject import Trial

LEFT, RIGHT = 0, 1
_MIRROR = np.array([-1.0, 1.0, 1.0])
Motion = Callable[[Trial], tuple[PoseTrack, np.ndarray]]


@dataclass(frozen=True)
class Action:
    """An action class; the one named ``twin``, if any, looks alike but for the object ``item``.

    ``motion`` turns a trial into the controls of T frames and a (T,) bool array that tells when an
    object is in the hand, or, with ``two_hands``, in both.
    """

    name: str
    motion: Motion
    item: str | None = None
    two_hands: bool = False
    twin: str | None = None


def hand_to_mouth(trial: Trial, drink: bool) -> tuple[PoseTrack, np.ndarray]:
    """Bring a hand to the mouth, to drink from a cup or to wipe the mouth."""
    near, far = (-0.095, -0.26) if drink else (-0.055, -0.22)
    up = trial.pulse(0.05, 0.25, 0.8, 0.97)
    hertz = 0.45 if drink else 0.6
    sips = up * np.clip(0.6 + 0.8 * trial.wave(hertz), 0.0, 1.0)
    mouth = trial.place('mouth', 0.02, -0.03, near)
    goal = _between(trial.place('chest', 0.08, 0.08, far + 0.2), mouth, sips)
    if not drink:
        goal = goal + _column(0.03 * trial.amplitude * trial.wave(1.6) * sips)
    track = _reach(_stand(trial), RIGHT, goal, up, point=(-0.7, 0.6, -0.35))
    tilt = -0.28 if drink else 0.05
    return track.change(head_pitch=track.head_pitch + tilt * sips), _always(trial)


def hand_to_ear(trial: Trial, phone: bool) -> tuple[PoseTrack, np.ndarray]:
    """Hold a hand at the ear, to call by phone or to scratch the head."""
    up = trial.pulse(0.05, 0.25, 0.82, 0.98)
    spot = trial.place('ear', 0.045, -0.01, -0.02) if phone else trial.place('ear', 0.04, 0.02, 0.0)
    stir = (0.006 if phone else 0.028) * trial.amplitude
    scratch = np.stack([0.3 * trial.wave(2.2), trial.wave(2.4), 0.5 * trial.wave(1.9)], axis=1)
    goal = spot + stir * scratch
    track = _reach(_stand(trial), RIGHT, goal, up, point=(-0.25, 0.9, -0.1))
    return track.change(roll=track.roll + (0.08 if phone else 0.02) * up), _always(trial)


def hands_before_chest(trial: Trial, read: bool) -> tuple[PoseTrack, np.ndarray]:
    """Hold both hands before the chest, to read a book or to rub the hands."""
    up = trial.pulse(0.02, 0.2, 0.85, 0.99)
    apart, bow = (0.11, 0.36) if read else (0.065, 0.18)
    spot = trial.place('chest', 0.0, 0.02, 0.02)
    stir = (0.008 if read else 0.03) * trial.amplitude * trial.wave(1.3)
    leaf = 0.05 * trial.pulse(0.45, 0.5, 0.52, 0.6) if read else 0.0 * up
    track = _stand(trial)
    for side, sign in ((LEFT, -1.0), (RIGHT, 1.0)):
        offset = np.stack([sign * apart + 0.0 * up, sign * stir, sign * stir], axis=1)
        goal = spot + offset + (side == RIGHT) * _column(-leaf)
        track = _reach(track, side, goal, up, point=(-0.35, 0.35, -0.8))
    return track.change(head_pitch=track.head_pitch + bow * up), _always(trial)


def overhand(trial: Trial, throw: bool) -> tuple[PoseTrack, np.ndarray]:
    """Swing an arm over the shoulder, to throw a ball or to shoo somebody away."""
    ready = trial.pulse(0.02, 0.15, 0.8, 0.97)
    back, forth = trial.ramp(0.2, 0.42), trial.ramp(0.45, 0.57)
    size = trial.amplitude * (1.05 if throw else 0.85)
    front = trial.place('chest', 0.14, 0.10, 0.05)
    behind = trial.place('ear', 0.16, 0.04, 0.14 * size)
    ahead = trial.place('chest', 0.05, 0.20, -0.28 * size)
    goal = _between(_between(front, behind, back), ahead, forth)
    track = _reach(_stand(trial), RIGHT, goal, ready, point=(0.0, 0.8, -0.5))
    turn = size * ready * (0.35 * (forth - 0.5 * back))
    step = np.array([0.0, 0.0, -0.10 * size]) * forth[:, None] * ready[:, None]
    track = _shift_foot(track, LEFT, step)
    return track.change(twist=track.twist + turn), forth < 0.6


def stoop_and_rise(trial: Trial, lift: bool) -> tuple[PoseTrack, np.ndarray]:
    """Bend down with both hands and rise again, to lift a box or to stretch the back."""
    down = trial.pulse(0.03, 0.38, 0.45, 0.8)
    apart = 0.18 if lift else 0.12
    held = trial.phase > trial.phase[int(down.argmax())]
    low = np.array([0.0, -0.62 * trial.body.height * 0.5 - 0.28, -0.22])
    high = trial.place('chest', 0.0, -0.08, -0.06)
    raised = trial.pulse(0.02, 0.2, 0.9, 0.99)
    track = _stand(trial)
    for side, sign in ((LEFT, -1.0), (RIGHT, 1.0)):
        goal = _between(high, low + trial.rng.normal(0.0, 0.02, 3), down)
        goal = goal + sign * np.array([apart, 0.0, 0.0])
        track = _reach(track, side, goal, raised, point=(-0.1, -0.3, -0.9))
    depth = trial.amplitude * (1.08 if lift else 0.95)
    sink = down[:, None] * np.array([0.0, -0.17 * depth, 0.10]) * trial.body.height / 1.7
    return track.change(lean=track.lean + 0.85 * depth * down, root=track.root + sink), held


def wave_hand(trial: Trial) -> tuple[PoseTrack, np.ndarray]:
    """Wave a hand beside the head."""
    up = trial.pulse(0.03, 0.22, 0.82, 0.97)
    swing = _column(0.10 * trial.amplitude * trial.wave(1.4))
    goal = trial.place('ear', 0.22, 0.10, -0.12) + swing
    return _reach(_stand(trial), RIGHT, goal, up, point=(0.1, 1.0, -0.1)), _never(trial)


def kick(trial: Trial) -> tuple[PoseTrack, np.ndarray]:
    """Kick forward with a foot."""
    height = trial.body.height
    back, forth = trial.pulse(0.15, 0.35, 0.36, 0.5), trial.pulse(0.38, 0.55, 0.6, 0.85)
    swing = np.outer(back, (0.0, 0.10, 0.16)) + np.outer(forth, (0.0, 0.22, -0.34))
    track = _shift_foot(_stand(trial), RIGHT, trial.amplitude * height * swing)
    return track.change(lean=track.lean - 0.18 * forth), _never(trial)


def squat(trial: Trial) -> tuple[PoseTrack, np.ndarray]:
    """Squat with the arms stretched forward."""
    down = np.maximum(trial.pulse(0.05, 0.25, 0.3, 0.5), trial.pulse(0.52, 0.7, 0.75, 0.95))
    sink = np.outer(down, (0.0, -0.16, 0.08)) * trial.amplitude * trial.body.height
    track = _stand(trial)
    for side, sign in ((LEFT, -1.0), (RIGHT, 1.0)):
        goal = np.array([sign * 0.16, 0.02, -0.85 * trial.body.arm]) + 0.0 * sink
        track = _reach(track, side, goal, down, point=(0.0, 0.0, -1.0))
    return track.change(root=track.root + sink, lean=track.lean + 0.4 * down), _never(trial)


def _pair(
    motion: Callable[..., tuple[PoseTrack, np.ndarray]],
    option: str,
    item: str,
    names: tuple[str, str],
    two_hands: bool = False,
) -> tuple[Action, Action]:
    """Make the classes with and without an object that share a motion."""
    with_item, without = (partial(motion, **{option: value}) for value in (True, False))
    first = Action(names[0], with_item, item, two_hands, twin=names[1])
    return first, Action(names[1], without, twin=names[0])


ACTIONS: tuple[Action, ...] = (
    *_pair(hand_to_mouth, 'drink', 'cup', ('drink from a cup', 'wipe the mouth')),
    *_pair(hand_to_ear, 'phone', 'phone', ('phone call', 'scratch the head')),
    *_pair(hands_before_chest, 'read', 'book', ('read a book', 'rub the hands'), two_hands=True),
    *_pair(overhand, 'throw', 'ball', ('throw a ball', 'shoo away')),
    *_pair(stoop_and_rise, 'lift', 'box', ('lift a box', 'stretch the back'), two_hands=True),
    Action('wave', wave_hand),
    Action('kick', kick),
    Action('squat', squat),
)
"""All action classes; the position is the label."""


def _stand(trial: Trial) -> PoseTrack:
    """Stand as the subject does, swaying a little."""
    track = PoseTrack.standing(trial.body, trial.num_frames, trial.subject.elbow_out)
    sway = trial.drift(0.008)
    lean, roll, twist, pitch, turn = trial.drift(0.025, dims=5).T
    return track.change(
        root=track.root + sway * (1.0, 0.0, 1.0),
        lean=trial.subject.stoop + lean,
        roll=roll,
        twist=twist,
        head_pitch=0.05 + pitch,
        head_turn=turn,
        palms=track.palms + np.stack([trial.drift(0.012), trial.drift(0.012)]),
    )


def _reach(
    track: PoseTrack,
    side: int,
    goal: np.ndarray,
    weight: np.ndarray,
    point: tuple[float, float, float],
) -> PoseTrack:
    """Move a hand to a goal (T, 3); fingers ``point`` there as given for a right hand."""
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


def _always(trial: Trial) -> np.ndarray:
    return np.ones(trial.num_frames, dtype=bool)


def _never(trial: Trial) -> np.ndarray:
    return np.zeros(trial.num_frames, dtype=bool)
