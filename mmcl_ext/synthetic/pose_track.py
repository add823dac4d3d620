"""What a motion controls: a few curves from which all joints follow."""

from dataclasses import dataclass, replace

import numpy as np

from mmcl_ext.synthetic.body import Body


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
        still = np.zeros(num_frames)
        frames = (2, num_frames, 3)
        return cls(
            root=np.tile([0.0, body.pelvis, 0.0], (num_frames, 1)),
            lean=still,
            roll=still,
            twist=still,
            head_pitch=still,
            head_turn=still,
            palms=np.broadcast_to(palms[:, None], frames),
            fingers=np.broadcast_to(fingers[:, None], frames),
            elbows=elbows,
            ankles=np.broadcast_to(ankle[:, None], frames),
        )

    def change(self, **curves: np.ndarray) -> 'PoseTrack':
        """Return a copy with some curves replaced."""
        return replace(self, **curves)
