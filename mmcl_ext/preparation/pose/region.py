"""Turned squares of an image: what a landmark network looks at."""

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class Region:
    """A square round a person, turned so that the person stands upright in it.

    Attributes:
        center: (x, y) in pixels of the image.
        size: Side of the square in pixels.
        angle: By how much the person leans to the right of the image, in radians.
    """

    center: tuple[float, float]
    size: float
    angle: float = 0.0

    @classmethod
    def around(cls, hips: np.ndarray, reach: np.ndarray, scale: float = 1.25) -> 'Region':
        """Square round the circle with a centre ``hips`` (2,) through a point ``reach`` (2,).

        The point lies above the hips of someone who stands (BlazePose's Vitruvian circle,
        Bazarevsky et al., arXiv 2006.10204); the square is ``scale`` times as large.
        """
        x, y = (np.asarray(reach, np.float64) - hips).tolist()
        size = 2 * scale * float(np.hypot(x, y))
        return cls((float(hips[0]), float(hips[1])), size, float(np.arctan2(x, -y)))

    @property
    def rotation(self) -> np.ndarray:
        """(2, 2): from directions in the square to directions in the image."""
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        return np.array([[cos, -sin], [sin, cos]])

    def to_image(self, points: np.ndarray) -> np.ndarray:
        """Map points (..., 2) of the square, from 0 to 1, to pixels of the image."""
        return (np.asarray(points) - 0.5) * self.size @ self.rotation.T + self.center

    def cut(self, image: np.ndarray, side: int) -> np.ndarray:
        """Cut the square out: (side, side, 3); black beyond the border of the image."""
        # OpenCV counts from the centres of pixels.
        linear = self.rotation * (self.size / side)
        offset = self.to_image(np.zeros(2)) + linear @ (0.5, 0.5) - 0.5
        matrix = np.concatenate([linear, offset[:, None]], axis=1)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(image, matrix, (side, side), flags=flags)
