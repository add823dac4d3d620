"""Lengths of the bones of a synthetic person."""

from dataclasses import dataclass

import numpy as np

# Shares of the body height between the joints that a Kinect v2 reports.
_SHARES = {
    'ankle': 0.045,
    'shin': 0.245,
    'thigh': 0.245,
    'hip': 0.048,
    'lower_spine': 0.145,
    'upper_spine': 0.140,
    'neck': 0.040,
    'head': 0.085,
    'shoulder': 0.102,
    'upper_arm': 0.160,
    'forearm': 0.145,
    'hand': 0.045,
    'tip': 0.045,
    'thumb': 0.032,
    'foot': 0.075,
}


@dataclass(frozen=True)
class Body:
    """Size and proportions of a person; every length is in metres.

    ``height`` is the whole person's, ``ankle`` that of the ankle above the floor; ``hip`` and
    ``shoulder`` are half distances; ``girth`` is the thickness of trunk and limbs relative to an
    average person. The others are bones: ``lower_spine`` from its base to its middle,
    ``upper_spine`` to the level of the shoulders, ``neck`` from there, ``head`` to its centre,
    ``hand`` from the wrist to its middle, ``tip`` and ``thumb`` from there, ``foot`` from the
    ankle.
    """

    height: float
    ankle: float
    shin: float
    thigh: float
    hip: float
    lower_spine: float
    upper_spine: float
    neck: float
    head: float
    shoulder: float
    upper_arm: float
    forearm: float
    hand: float
    tip: float
    thumb: float
    foot: float
    girth: float = 1.0

    @classmethod
    def draw(cls, rng: np.random.Generator) -> 'Body':
        """Draw a person: height 1.5 to 1.95 m, proportions a few per cent off the average."""
        height = float(rng.uniform(1.50, 1.95))
        arms, legs, trunk = rng.normal(1.0, 0.035, size=3)
        group = {
            **dict.fromkeys(('upper_arm', 'forearm', 'hand', 'tip', 'thumb'), arms),
            **dict.fromkeys(('shin', 'thigh', 'foot'), legs),
            **dict.fromkeys(('lower_spine', 'upper_spine', 'neck'), trunk),
        }
        lengths = {
            name: float(height * share * group.get(name, 1.0) * rng.normal(1.0, 0.02))
            for name, share in _SHARES.items()
        }
        return cls(height=height, girth=float(rng.uniform(0.85, 1.2)), **lengths)

    @property
    def arm(self) -> float:
        """Length of the stretched arm, shoulder to wrist, in metres."""
        return self.upper_arm + self.forearm

    @property
    def pelvis(self) -> float:
        """Height of the base of the spine of the standing person, in metres."""
        return self.ankle + 0.985 * (self.shin + self.thigh)

    def landmark(self, name: str) -> np.ndarray:
        """Place that hands reach for: (3,) metres from the middle of the upright body's shoulders.

        The axes point to the person's right, up and to the back. ``'ear'`` is the right one,
        ``'side'`` where the right hand hangs.

        Raises:
            ValueError: There is no such place.
        """
        places = {
            'mouth': (0.0, self.neck + 0.55 * self.head, -0.085),
            'ear': (0.085, self.neck + 0.95 * self.head, -0.01),
            'chest': (0.0, -0.75 * self.upper_spine, -0.30),
            'side': (self.shoulder + 0.06, -0.97 * self.arm - self.hand, -0.04),
        }
        if name not in places:
            raise ValueError(f'unknown place {name!r}, known are {list(places)}')
        return np.array(places[name])
