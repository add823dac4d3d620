"""An action class of the synthetic data."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mmcl_ext.synthetic.pose_track import PoseTrack
from mmcl_ext.synthetic.trial import Trial

Motion = Callable[[Trial], tuple[PoseTrack, np.ndarray]]


@dataclass(frozen=True)
class Action:
    """An action class.

    Args:
        name: Name of the class.
        motion: Turns a trial into the controls of T frames and a (T,) bool array that tells when
            an object is in the hand.
        item: Kind of the object, None for an action without one.
        two_hands: Whether both hands hold the object.
        twin: Name of the class that looks alike but for the object, None if there is none.
    """

    name: str
    motion: Motion
    item: str | None = None
    two_hands: bool = False
    twin: str | None = None
