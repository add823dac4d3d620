"""An action class of the synthetic data."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mmcl_ext.synthetic.pose_track import PoseTrack
from mmcl_ext.synthetic.trial import Trial

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
