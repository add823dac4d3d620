"""What a picture shows of one sample."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Prediction:
    """One sample and what models make of it.

    Args:
        title: What the reader should know of the sample.
        keypoint: (T, V, C) or (M, T, V, C) coordinates.
        scores: For each model's name its (K,) scores.
        label: The true class.
        image: (H, W, 3) uint8, RGB; None if there is none.
    """

    title: str
    keypoint: np.ndarray
    scores: Mapping[str, np.ndarray]
    label: int
    image: np.ndarray | None = None
