"""Sample names alone, where a source needs no skeletons."""

from collections.abc import Sequence

import numpy as np


class SampleNames:
    """Samples without skeletons, in the place of an annotation store."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)

    def keypoint(self, index: int) -> np.ndarray:
        """Return an empty skeleton (0, 0, 0, 0)."""
        return np.zeros((0, 0, 0, 0), np.float32)
