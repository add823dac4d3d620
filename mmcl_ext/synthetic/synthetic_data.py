"""A synthetic data set, described by a few numbers."""

import re
from dataclasses import asdict, dataclass
from typing import NamedTuple

import numpy as np

from mmcl_ext.synthetic.kinematics import LAYOUT
from mmcl_ext.synthetic.motions import ACTIONS
from mmcl_ext.synthetic.scene import Scene
from mmcl_ext.synthetic.sensor import add_sensor_noise
from mmcl_ext.synthetic.subject import Subject

_VERSION = 1  # to be raised when the same numbers give other samples
_SCENE, _SENSOR = 1, 2  # independent streams of chance of one sample
_NAME = re.compile(r'S(\d{3})A(\d{2})R(\d{2})')


class _Parts(NamedTuple):
    """What a sample's name tells; all counted from 0."""

    subject: int
    label: int
    repetition: int


@dataclass(frozen=True)
class SyntheticData:
    """A data set of synthetic people who perform everyday actions, with or without objects.

    Every sample follows from its name and the seed alone, whatever else is made before it.
    Names read ``S<subject>A<action>R<repetition>``, counted from 1.

    Args:
        seed: Chooses people, performances and errors of the sensor.
        train_subjects: Number of people of the split ``'train'``.
        test_subjects: Number of other people, of the split ``'test'``.
        repetitions: How often each person performs each action.
        noise: Size of the sensor's errors, 1 for those of a Kinect.

    Raises:
        ValueError: If a number does not make sense.
    """

    seed: int = 0
    train_subjects: int = 8
    test_subjects: int = 8
    repetitions: int = 5
    noise: float = 1.0

    def __post_init__(self) -> None:
        counts = (self.train_subjects, self.test_subjects, self.repetitions)
        if min(counts) < 1 or max(counts) > 99 or self.seed < 0 or self.noise < 0:
            raise ValueError(f'expected counts from 1 to 99, seed and noise from 0, got {self}')

    @property
    def layout(self) -> str:
        """Name of the skeletons' layout."""
        return LAYOUT

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes in the order of the labels."""
        return tuple(action.name for action in ACTIONS)

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """Pairs of labels, with and without an object, that look alike in the skeleton."""
        label = {action.name: index for index, action in enumerate(ACTIONS)}
        return tuple((label[a.name], label[a.twin]) for a in ACTIONS if a.item and a.twin)

    @property
    def splits(self) -> dict[str, list[str]]:
        """Names of the samples of each split; no person is in both."""
        people = range(self.train_subjects + self.test_subjects)
        return {
            'train': self._names(people[: self.train_subjects]),
            'test': self._names(people[self.train_subjects :]),
        }

    @property
    def names(self) -> list[str]:
        """Names of all samples."""
        return [name for names in self.splits.values() for name in names]

    @property
    def recipe(self) -> dict[str, object]:
        """What the samples follow from, as JSON types."""
        return {'source': 'mmcl_ext synthetic scenes', 'version': _VERSION, **asdict(self)}

    def label(self, name: str) -> int:
        """Class of a sample."""
        return self._parts(name).label

    def scene(self, name: str) -> Scene:
        """Make the scene of a sample; a ValueError if the data set has no such sample."""
        parts = self._parts(name)
        subject = Subject.draw(parts.subject, self.seed)
        return Scene.draw(ACTIONS[parts.label], subject, self._rng(_SCENE, parts))

    def keypoint(self, name: str, scene: Scene | None = None) -> np.ndarray:
        """Let the sensor see a sample: (M=1, T, V=25, C=3) metres. Its scene may be given."""
        scene = self.scene(name) if scene is None else scene
        rng = self._rng(_SENSOR, self._parts(name))
        return add_sensor_noise(scene.joints, rng, self.noise)[None].astype(np.float32)

    def _names(self, subjects: range) -> list[str]:
        return [
            f'S{subject + 1:03d}A{action + 1:02d}R{repetition + 1:02d}'
            for subject in subjects
            for action in range(len(ACTIONS))
            for repetition in range(self.repetitions)
        ]

    def _parts(self, name: str) -> _Parts:
        match = _NAME.fullmatch(name)
        limits = (self.train_subjects + self.test_subjects, len(ACTIONS), self.repetitions)
        parts = [] if match is None else [int(digits) - 1 for digits in match.groups()]
        if not parts or not all(0 <= p < n for p, n in zip(parts, limits, strict=True)):
            raise ValueError(f'no sample {name!r} in {self}')
        return _Parts(*parts)

    def _rng(self, stream: int, parts: _Parts) -> np.random.Generator:
        return np.random.default_rng((self.seed, stream, *parts))
