"""One performance of an action: its timing and its chance variations."""

import numpy as np

from mmcl_ext.synthetic.subject import Subject


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
