"""Synthetic people: body, habits and looks, and how they perform."""

from dataclasses import dataclass

import numpy as np

from mmcl_ext.synthetic.scenery import Colour

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

    ``tempo`` and ``amplitude``, the speed and size of movements, are relative; ``stoop`` is the
    forward lean of the trunk at rest, in radians; ``elbow_out`` tells how far the elbows point to
    the side, 0 is straight down; the hands come to rest ``habit`` (3,) metres off the average.
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


class Trial:
    """One performance of an action by a subject.

    Every draw comes from the generator of the trial, so it depends on nothing else.
    """

    def __init__(self, subject: Subject, rng: np.random.Generator, fps: float = 15.0) -> None:
        self.subject = subject
        self.body = subject.body
        self.rng = rng
        self.duration = float(rng.uniform(2.4, 3.6) / subject.tempo)
        self.num_frames = round(self.duration * fps)
        self.phase = (np.arange(self.num_frames) + 0.5) / self.num_frames
        self.seconds = self.phase * self.duration
        self.amplitude = subject.amplitude * float(rng.uniform(0.85, 1.15))
        self._shift = float(rng.normal(0.0, 0.03))

    def ramp(self, start: float, end: float) -> np.ndarray:
        """Rise smoothly from 0 to 1 between two shares of the trial: (T,) values."""
        start, end = start + self._shift, end + self._shift + float(self.rng.normal(0.0, 0.02))
        way = np.clip((self.phase - start) / max(end - start, 0.03), 0.0, 1.0)
        return way * way * (3.0 - 2.0 * way)

    def pulse(self, start: float, top: float, leave: float, end: float) -> np.ndarray:
        """Rise from 0 to 1, stay and fall back: (T,) values."""
        return self.ramp(start, top) * (1.0 - self.ramp(leave, end))

    def wave(self, hertz: float) -> np.ndarray:
        """Swing between -1 and 1 at the subject's tempo from a random start: (T,) values."""
        hertz = hertz * self.subject.tempo * float(self.rng.uniform(0.85, 1.15))
        return np.sin(2 * np.pi * (hertz * self.seconds + self.rng.random()))

    def drift(self, scale: float, dims: int = 3) -> np.ndarray:
        """Wander slowly with a standard deviation of ``scale``: (T, dims) values."""
        hertz = self.rng.uniform(0.15, 0.9, size=(3, dims))
        start = self.rng.random(size=(3, dims))
        waves = np.sin(2 * np.pi * (self.seconds[:, None, None] * hertz + start))
        return np.asarray(scale * np.sqrt(2 / 3) * waves.sum(axis=1))

    def place(self, name: str, *offset: float, spread: float = 0.015) -> np.ndarray:
        """Draw the spot that the hand goes to: (3,) metres from the middle of the shoulders.

        It lies near a place of :meth:`Body.landmark`, ``offset`` metres to its right, up and to its
        back, with a standard deviation of ``spread`` metres between trials.
        """
        chance = self.rng.normal(0.0, spread, size=3) + self.subject.habit
        return self.body.landmark(name) + np.array(offset) + chance
