"""The rooms behind the people: walls, floor and some furniture."""

from dataclasses import dataclass

import cv2
import numpy as np

from mmcl_ext.preparation.videos.camera import PinholeCamera
from mmcl_ext.synthetic.canvas import Colour, scaled

_WALLS: tuple[Colour, ...] = (
    (200, 205, 205),
    (190, 205, 215),
    (205, 195, 180),
    (185, 200, 190),
    (165, 170, 180),
)
_FLOORS: tuple[Colour, ...] = ((95, 130, 165), (120, 130, 135), (75, 100, 130), (110, 115, 105))
_FURNITURE: tuple[Colour, ...] = (
    (70, 95, 125),
    (90, 90, 95),
    (120, 110, 90),
    (85, 105, 90),
    (235, 225, 210),
)


@dataclass(frozen=True)
class Room:
    """A room with a wall across the view, ``depth`` metres away; colours are BGR.

    The floor lies at ``floor_y`` metres, below the camera and so negative. Furniture is rectangles
    on the wall: left, bottom (above the floor), width and height in metres, and colour.
    """

    wall: Colour
    floor: Colour
    floor_y: float
    depth: float
    furniture: tuple[tuple[tuple[float, float, float, float], Colour], ...]

    @classmethod
    def draw(cls, rng: np.random.Generator) -> 'Room':
        """Draw a room."""
        pieces = []
        for _ in range(int(rng.integers(1, 5))):
            width, height = rng.uniform((0.4, 0.3), (1.3, 1.2))
            bottom = 0.0 if rng.random() < 0.5 else rng.uniform(0.9, 1.5)
            place = (float(rng.uniform(-2.2, 1.4)), float(bottom), float(width), float(height))
            pieces.append((place, _FURNITURE[rng.integers(len(_FURNITURE))]))
        return cls(
            wall=_WALLS[rng.integers(len(_WALLS))],
            floor=_FLOORS[rng.integers(len(_FLOORS))],
            floor_y=-float(rng.uniform(0.85, 1.05)),
            depth=float(rng.uniform(4.0, 5.0)),
            furniture=tuple(pieces),
        )

    def paint(self, camera: PinholeCamera) -> np.ndarray:
        """Paint the empty room: (H, W, 3) uint8, BGR."""
        width, height = camera.size
        edge = round(float(self._project(camera, 0.0, 0.0)[1]))
        light = np.linspace(1.08, 0.9, height)[:, None, None]
        picture = np.broadcast_to(light * self.wall, (height, width, 3)).clip(0, 255)
        picture = np.ascontiguousarray(picture, dtype=np.uint8)
        shade = np.linspace(0.75, 1.1, max(height - edge, 1))[:, None, None]
        picture[edge:] = (shade * self.floor).clip(0, 255)[: height - edge]
        for x in np.arange(-6.0, 6.0, 0.45):  # planks that run away from the viewer
            far = self._project(camera, x, 0.0)
            center = np.array(camera.center)
            near = center + (far - center) * 3.0
            _line(picture, far, near, scaled(self.floor, 0.8))
        for (left, bottom, wide, tall), colour in self.furniture:
            self._paint_piece(picture, camera, (left, bottom, wide, tall), colour)
        cv2.line(picture, (0, edge), (width, edge), scaled(self.wall, 0.7), 2)
        return picture

    def _paint_piece(
        self,
        picture: np.ndarray,
        camera: PinholeCamera,
        place: tuple[float, float, float, float],
        colour: Colour,
    ) -> None:
        left, bottom, wide, tall = place
        low = self._project(camera, left, bottom).round().astype(int).tolist()
        high = self._project(camera, left + wide, bottom + tall).round().astype(int).tolist()
        cv2.rectangle(picture, low, high, colour, cv2.FILLED)
        cv2.rectangle(picture, low, high, scaled(colour, 0.6), 2)
        if bottom == 0.0:  # a cupboard has shelves, a picture has none
            for row in np.linspace(low[1], high[1], 4)[1:-1].astype(int).tolist():
                cv2.line(picture, (low[0], row), (high[0], row), (60, 65, 70), 1)

    def _project(self, camera: PinholeCamera, x: float, above: float) -> np.ndarray:
        """Project a point on the wall, given its height above the floor."""
        return camera.project(np.array([x, self.floor_y + above, self.depth]))


def _line(picture: np.ndarray, start: np.ndarray, end: np.ndarray, colour: Colour) -> None:
    first, last = (point.round().astype(int).tolist() for point in (start, end))
    cv2.line(picture, first, last, colour, 1, cv2.LINE_AA)
