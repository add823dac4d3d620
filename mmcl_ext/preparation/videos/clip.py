"""The frames of one sample that go into its composite image."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Clip:
    """A few frames of a sample and the person in them.

    Attributes:
        frames: m images (H, W, 3), uint8, BGR, in time order.
        boxes: (m, 4) person boxes x1, y1, x2, y2 in pixels.
        found: (m,) bool, False where no person was found and the box is the whole frame.
    """

    frames: tuple[np.ndarray, ...]
    boxes: np.ndarray
    found: np.ndarray
