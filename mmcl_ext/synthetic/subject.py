"""A synthetic person: body, habits and looks."""

from dataclasses import dataclass

import numpy as np

from mmcl_ext.synthetic.body import Body
from mmcl_ext.synthetic.canvas import Colour

_SKIN: tuple[Colour, ...] = ((150, 180, 225), (120, 150, 200), (80, 110, 160), (50, 75, 120))
_HAIR: tuple[Colour, ...] = ((20, 20, 25), (30, 50, 75), (60, 110, 150), (120, 120, 125))
# Muted, so that clothes are never taken for one of the bright objects.
_SHIRT: tuple[Colour, ...] = (
    (125, 105, 85),
    (95, 120, 100),
    (110, 90, 120),
    (90, 110, 135),
    (150, 150, 150),
    (80, 80, 85),
    (140, 130, 105),
)
_TROUSERS: tuple[Colour, ...] = ((85, 65, 50), (55, 55, 60), (80, 95, 110), (100, 85, 70))


@dataclass(frozen=True)
class Subject:
    """A person who performs actions in a way of their own; colours are BGR.

    Args:
        tempo: Speed of movements, relative.
        amplitude: Size of movements, relative.
        stoop: Forward lean of the trunk at rest, in radians.
        elbow_out: How far the elbows point to the side; 0 is straight down.
        left_handed: Whether the left hand leads.
        habit: (3,) metres: how far off the average place the hands come to rest.
    """

    index: int
    body: Body
    tempo: float
    amplitude: float
    stoop: float
    elbow_out: float
    left_handed: bool
    habit: tuple[float, float, float]
    skin: Colour
    hair: Colour
    shirt: Colour
    trousers: Colour

    @classmethod
    def draw(cls, index: int, seed: int) -> 'Subject':
        """Draw subject number ``index`` of the people that belong to a seed."""
        rng = np.random.default_rng((seed, 0, index))
        x, y, z = (float(value) for value in rng.normal(0.0, 0.02, size=3))
        return cls(
            index=index,
            body=Body.draw(rng),
            tempo=float(rng.uniform(0.8, 1.25)),
            amplitude=float(rng.uniform(0.8, 1.2)),
            stoop=float(rng.uniform(0.0, 0.12)),
            elbow_out=float(rng.uniform(0.2, 1.0)),
            left_handed=bool(rng.random() < 0.25),
            habit=(x, y, z),
            skin=_SKIN[rng.integers(len(_SKIN))],
            hair=_HAIR[rng.integers(len(_HAIR))],
            shirt=_SHIRT[rng.integers(len(_SHIRT))],
            trousers=_TROUSERS[rng.integers(len(_TROUSERS))],
        )
