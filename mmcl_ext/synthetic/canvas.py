"""Painting of simple solids, the farthest first."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from mmcl_ext.preparation.videos.camera import PinholeCamera

_SHIFT = 4  # sub-pixel bits of OpenCV's drawing functions
_LIGHT = np.array([-0.4, 0.75, -0.55])  # direction to the light
# Radius and brightness of the layers that make a round body look round.
_LAYERS = ((1.0, 0.62), (0.86, 0.8), (0.64, 0.95), (0.4, 1.08), (0.18, 1.18))

Colour = tuple[int, int, int]
"""Blue, green and red from 0 to 255, as OpenCV orders them."""


def scaled(colour: Colour, factor: float) -> Colour:
    """Make a colour brighter, by a factor above 1, or darker."""
    blue, green, red = (min(int(factor * value), 255) for value in colour)
    return blue, green, red


class Canvas:
    """Collects solids in space and paints them on a picture in the order of their distance.

    The picture, (H, W, 3) uint8, BGR, is what the camera sees; it is painted on.
    """

    def __init__(self, picture: np.ndarray, camera: PinholeCamera) -> None:
        self.picture = picture
        self.camera = camera
        self._jobs: list[tuple[float, Callable[[], None]]] = []

    def capsule(
        self,
        start: np.ndarray,
        end: np.ndarray,
        radii: tuple[float, float],
        colour: Colour,
        *,
        nearer: float = 0.0,
    ) -> None:
        """Add a limb between two points (3,): a cone with round ends of two radii, all in metres.

        It counts as ``nearer`` by so many metres when solids are ordered.
        """
        points = np.stack([start, end])
        pixels = self.camera.project(points)
        sizes = self.camera.focal * np.array(radii) / points[:, 2]
        depth = float(points[:, 2].mean()) - nearer
        self._jobs.append((depth, lambda: self._paint_capsule(pixels, sizes, colour)))

    def polygon(self, corners: np.ndarray, colour: Colour, *, depth: float | None = None) -> None:
        """Add a flat face (n, 3), shaded by its slope to the light; `depth` replaces its own."""
        normal = np.cross(corners[1] - corners[0], corners[2] - corners[0])
        slope = abs(float(normal @ _LIGHT)) / (np.linalg.norm(normal) * np.linalg.norm(_LIGHT))
        shaded = scaled(colour, 0.65 + 0.45 * float(slope))
        pixels = self.camera.project(corners)
        distance = float(corners[:, 2].mean()) if depth is None else depth
        self._jobs.append((distance, lambda: _fill(self.picture, pixels, shaded)))

    def finish(self) -> np.ndarray:
        """Paint everything that was added and return the picture."""
        for _, paint in sorted(self._jobs, key=lambda job: -job[0]):
            paint()
        self._jobs.clear()
        return self.picture

    def _paint_capsule(self, pixels: np.ndarray, sizes: np.ndarray, colour: Colour) -> None:
        for share, brightness in _LAYERS:
            shift = (1 - share) * 0.45 * sizes[:, None] * np.array([-0.5, -0.6])
            _paint_stroke(self.picture, pixels + shift, sizes * share, scaled(colour, brightness))


def _paint_stroke(
    picture: np.ndarray, pixels: np.ndarray, sizes: np.ndarray, colour: Sequence[int]
) -> None:
    """Fill the convex hull of two discs."""
    across = np.array([pixels[0, 1] - pixels[1, 1], pixels[1, 0] - pixels[0, 0]])
    length = float(np.hypot(*across))
    if length > 0.1:
        across = across / length
        side = across * sizes[:, None]
        quad = np.stack([pixels[0] + side[0], pixels[1] + side[1]])
        quad = np.concatenate([quad, np.stack([pixels[1] - side[1], pixels[0] - side[0]])])
        _fill(picture, quad, colour)
    for center, size in zip(pixels, sizes, strict=True):
        fixed = (center * (1 << _SHIFT)).round().astype(int).tolist()
        radius = round(max(float(size), 0.5) * (1 << _SHIFT))
        cv2.circle(picture, fixed, radius, colour, cv2.FILLED, cv2.LINE_AA, _SHIFT)


def _fill(picture: np.ndarray, pixels: np.ndarray, colour: Sequence[int]) -> None:
    fixed = (pixels * (1 << _SHIFT)).round().astype(np.int32)
    cv2.fillConvexPoly(picture, fixed, colour, cv2.LINE_AA, _SHIFT)
