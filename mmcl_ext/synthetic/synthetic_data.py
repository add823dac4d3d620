"""A synthetic data set, described by a few numbers."""

import re
from dataclasses import asdict, dataclass
from typing import NamedTuple

import numpy as np

from mmcl_ext.synthetic.kinematics import JOINT, LAYOUT
from mmcl_ext.synthetic.motions import ACTIONS
from mmcl_ext.synthetic.scene import Scene
from mmcl_ext.synthetic.subject import Subject

# Ends of limbs that a tracker loses from sight together.
_GROUPS = (
    ('left_wrist', 'left_hand', 'left_hand_tip', 'left_thumb'),
    ('right_wrist', 'right_hand', 'right_hand_tip', 'right_thumb'),
    ('left_ankle', 'left_foot'),
    ('right_ankle', 'right_foot'),
)
_UNSTEADY = {'hand_tip': 2.5, 'thumb': 2.5, 'hand': 1.6, 'wrist': 1.3, 'foot': 1.8, 'ankle': 1.4}


def add_sensor_noise(
    joints: np.ndarray, rng: np.random.Generator, scale: float = 1.0
) -> np.ndarray:
    """Disturb joints (T, V=25, 3), in metres and the sensor's axes, as a tracker does.

    There is white noise that grows with the distance from the sensor, a slowly varying error of
    each joint, and now and then the end of a limb is lost for some frames and its joints are
    inferred, that is, jitter by centimetres. ``scale`` is the size of all errors, 0 for none.
    """
    if scale < 0:
        raise ValueError(f'scale is {scale}, expected 0 or more')
    weight = np.array([_unsteadiness(name) for name in JOINT])[:, None]
    distance = joints[..., 2:].clip(1.0) / 3.0
    noise = rng.normal(0.0, 0.007, joints.shape) * weight * distance
    noise += 0.009 * weight * _correlated(rng, joints.shape, 0.9)
    for _ in range(int(rng.poisson(1.2))):
        noise += _lost_limb(rng, joints.shape)
    return joints + scale * noise


def _unsteadiness(name: str) -> float:
    return next((value for part, value in _UNSTEADY.items() if name.endswith(part)), 1.0)


def _correlated(rng: np.random.Generator, shape: tuple[int, ...], memory: float) -> np.ndarray:
    """First-order autoregressive noise of unit variance along the first axis."""
    noise = rng.normal(size=shape)
    for frame in range(1, shape[0]):
        noise[frame] = memory * noise[frame - 1] + np.sqrt(1 - memory**2) * noise[frame]
    return noise


def _lost_limb(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    group = [JOINT[name] for name in _GROUPS[rng.integers(len(_GROUPS))]]
    length = int(rng.integers(3, 11))
    first = int(rng.integers(max(shape[0] - length, 1)))
    jitter = np.zeros(shape)
    block = jitter[first : first + length]
    # The joints of a lost limb go astray together, each a little on its own.
    together = 0.06 * _correlated(rng, (len(block), 1, 3), 0.5)
    block[:, group] = together + 0.02 * rng.normal(size=(len(block), len(group), 3))
    return jitter


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

    Every sample follows from its name and the seed alone, whatever else is made before it. Names
    read ``S<subject>A<action>R<repetition>``, counted from 1. Each of the people, those of the
    split ``'train'`` and others of ``'test'``, performs each action ``repetitions`` times;
    ``noise`` is the size of the sensor's errors, 1 for those of a Kinect. A ValueError if a number
    does not make sense.
    """

    seed: int = 0
    train_subjects: int = 8
    test_subjects: int = 8
    repetitions: int = 5
    noise: float = 1.0

    def __post_init__(self) -> None:
        counts = (self.train_subjects, self.test_subjects, self.repetitions)
        if min(counts) < 1 or max(counts) > 99 or self.seed < 0 or not 0 <= self.noise < np.inf:
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
