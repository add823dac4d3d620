"""Objects that people of the synthetic scenes hold: flat faces in space."""

from dataclasses import dataclass

import numpy as np

from mmcl_ext.synthetic.canvas import Colour

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

    Its own axes are x to the right of the holder, y up and z towards the holder.

    Raises:
        ValueError: There is no such kind.
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
