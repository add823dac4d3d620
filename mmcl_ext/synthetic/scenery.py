"""Rooms and objects of the synthetic scenes, painted as simple solids, the farthest first."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

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


ITEM_KINDS = ('cup', 'phone', 'book', 'ball', 'box')

_COLOURS: dict[str, tuple[Colour, ...]] = {
    'cup': ((40, 40, 230), (40, 90, 245)),
    'phone': ((255, 230, 60), (255, 210, 120)),
    'book': ((60, 190, 40), (190, 40, 190)),
    'ball': ((0, 140, 255), (0, 230, 255)),
    'box': ((60, 120, 180), (80, 150, 205)),
}


@dataclass(frozen=True)
class HeldObject:
    """An object: its kind, its main colour (BGR) and its size relative to the average.

    Its own axes are x to the right of the holder, y up and z towards the holder. A ValueError if
    there is no such kind.
    """

    kind: str
    colour: Colour
    size: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in ITEM_KINDS:
            raise ValueError(f'unknown kind of object {self.kind!r}, known are {ITEM_KINDS}')

    @classmethod
    def draw(cls, kind: str, rng: np.random.Generator) -> 'HeldObject':
        """Draw colour and size."""
        colours = _COLOURS[kind]
        return cls(kind, colours[rng.integers(len(colours))], float(rng.uniform(0.9, 1.15)))

    @property
    def radius(self) -> float:
        """Radius of a ball in metres, 0 for anything else."""
        return 0.115 * self.size if self.kind == 'ball' else 0.0

    def faces(self) -> list[tuple[np.ndarray, Colour]]:
        """Outline of the object: polygons (n, 3) in metres and their colours; none for a ball."""
        scale = self.size
        if self.kind == 'cup':
            return _tube(0.048 * scale, 0.13 * scale, self.colour)
        if self.kind == 'phone':
            shell = _block((0.08 * scale, 0.16 * scale, 0.02), (45, 40, 40))
            screen = _rectangle((0.07 * scale, 0.14 * scale), -0.0115)
            return [*shell, (screen, self.colour)]
        if self.kind == 'book':
            return _open_book(0.17 * scale, 0.25 * scale, self.colour)
        if self.kind == 'box':
            block = _block((0.34 * scale, 0.26 * scale, 0.26 * scale), self.colour)
            return [*block, (_rectangle((0.05, 0.26 * scale), -0.132 * scale), (215, 225, 230))]
        return []


def _rectangle(size: tuple[float, float], z: float) -> np.ndarray:
    x, y = size[0] / 2, size[1] / 2
    return np.array([(-x, -y, z), (x, -y, z), (x, y, z), (-x, y, z)])


def _block(size: tuple[float, float, float], colour: Colour) -> list[tuple[np.ndarray, Colour]]:
    """Six faces of a cuboid around the origin."""
    front = np.array([(-1, -1, -1), (1, -1, -1), (1, 1, -1), (-1, 1, -1)]) / 2
    faces = []
    for axis in range(3):
        for sign in (-1.0, 1.0):
            face = np.roll(front, axis + 1, axis=1) * (-sign)
            faces.append((face * size, colour))
    return faces


def _tube(radius: float, height: float, colour: Colour) -> list[tuple[np.ndarray, Colour]]:
    """A round mug with a bright rim and a handle."""
    angle = np.linspace(0, 2 * np.pi, 11)
    ring = np.stack([radius * np.cos(angle), 0.0 * angle, radius * np.sin(angle)], axis=1)
    half = np.array([0.0, height / 2, 0.0])
    low, high = ring - half, ring * (1.12, 1.0, 1.12) + half
    faces = [
        (np.stack([low[i], low[i + 1], high[i + 1], high[i]]), colour) for i in range(len(low) - 1)
    ]
    handle = np.array([(1.0, 0.25), (1.9, 0.2), (1.9, -0.25), (1.0, -0.3)])
    handle = np.column_stack([handle[:, 0] * radius, handle[:, 1] * height, np.zeros(4)])
    return [*faces, (low[:-1], colour), (high[:-1], (235, 235, 240)), (handle, colour)]


def _open_book(width: float, height: float, colour: Colour) -> list[tuple[np.ndarray, Colour]]:
    """Two covers in a flat V, and pages on the holder's side."""
    faces = []
    for sign in (-1.0, 1.0):
        outer = (sign * width, 0.05)
        x, z = np.array([0.0, outer[0], outer[0], 0.0]), np.array([0.0, outer[1], outer[1], 0.0])
        y = np.array([-1, -1, 1, 1]) * height / 2
        cover = np.stack([x, y, z], axis=1)
        faces += [(cover, colour), (cover * (0.93, 0.93, 1.0) + (0, 0, 0.012), (235, 240, 245))]
    return faces


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
