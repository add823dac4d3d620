"""What finds person boxes: which persons of a clip count, and what stands where there is none."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from mmcl_ext.datasets.converters.ntu_protocol import NTUName
from mmcl_ext.preparation.extraction.sharding import SampleFeatures
from mmcl_ext.preparation.videos.sample_frames import sample_frames

PersonLimit = int | Literal['ntu'] | None

# NTU RGB+D: A50-A60 and A106-A120 are interactions of two.
_NTU_PAIRS = (*range(50, 61), *range(106, 121))


def check_person_limit(max_persons: PersonLimit) -> None:
    """Raise a ValueError for what :func:`person_limit` does not know."""
    counts = isinstance(max_persons, int) and not isinstance(max_persons, bool)
    if not (max_persons in (None, 'ntu') or (counts and int(max_persons) > 0)):
        raise ValueError(f"max_persons must be None, 'ntu' or at least 1, got {max_persons!r}")


def person_limit(max_persons: PersonLimit, name: str) -> int | None:
    """Tell how many persons of a sample count; None for all.

    ``'ntu'`` goes by the sample's name: two for the classes that are interactions, else one; a
    ValueError if the name is not one of NTU RGB+D.
    """
    if max_persons != 'ntu':
        return max_persons
    try:
        return 2 if NTUName.parse(name).action in _NTU_PAIRS else 1
    except ValueError:
        raise ValueError(f"max_persons='ntu' needs names of NTU RGB+D, got {name!r}") from None


def motion_energy(joints: np.ndarray) -> np.ndarray:
    """Measure how much each person of ``joints`` (M, T, V, 3), in metres, moves: (M,).

    For each pair of neighbouring frames the squared step of the joints that are in both (neither
    exactly zero nor infinite), averaged over the V joints, and summed over the pairs.
    """
    present = np.isfinite(joints).all(-1) & joints.any(-1)
    step = np.diff(np.where(present[..., None], joints, 0).astype(np.float64), axis=1)
    both = present[:, 1:] & present[:, :-1]
    squared = np.where(both, (step**2).sum(-1), 0)  # (M, T - 1, V)
    return squared.mean(axis=2).sum(axis=1)


def most_active(joints: np.ndarray, limit: int | None) -> np.ndarray:
    """Number the persons with the largest :func:`motion_energy`, ascending; of equals the first."""
    order = np.argsort(-motion_energy(joints), kind='stable')
    return np.sort(order[:limit])


def detected_box(
    detections: np.ndarray, size: tuple[int, int], limit: int | None
) -> np.ndarray | None:
    """Join detected persons (K, 5), x1, y1, x2, y2, score, to one box (4,); None without any.

    One frame does not tell who moves: of several persons those with the largest product of area
    and score are taken, which are near and surely seen. Boxes are clipped to ``size``.
    """
    boxes, scores = detections[:, :4].astype(np.float64), detections[:, 4]
    boxes = np.clip(boxes, 0, np.array([*size, *size]))
    sides = boxes[:, 2:] - boxes[:, :2]
    sound = np.isfinite(detections).all(1) & (sides > 0).all(1)
    boxes, weights = boxes[sound], (sides.prod(1) * scores)[sound]
    if not len(boxes):
        return None
    boxes = boxes[np.argsort(-weights, kind='stable')[:limit]]
    return np.concatenate([boxes[:, :2].min(0), boxes[:, 2:].max(0)])


def fill_missing(
    boxes: np.ndarray, found: np.ndarray, size: tuple[int, int], fallback: str
) -> np.ndarray:
    """Put a box into the frames without a person: boxes (T, 4), ``found`` (T,).

    ``'frame'`` takes the whole frame; ``'nearest'`` the box of the nearest frame with a person,
    the earlier of two, and the whole frame if there is none.
    """
    filled = boxes.copy()
    filled[~found] = (0, 0, *size)
    with_person, without = np.flatnonzero(found), np.flatnonzero(~found)
    if fallback == 'nearest' and len(with_person):
        nearest = np.abs(without[:, None] - with_person).argmin(axis=1)
        filled[without] = boxes[with_person[nearest]]
    return filled


OUTPUTS = ('boxes', 'found', 'frame_numbers', 'video')
"""Arrays of a sample: (T, 4) float32, (T,) uint8, (T,) int64 and (3,) int64: frames, W, H."""


class PersonBoxSource(ABC):
    """Base of what finds a person box for frames of a video.

    It implements :class:`~mmcl_ext.preparation.extraction.sharding.FeatureExtractor`. A ValueError
    if a setting is unknown.

    Args:
        max_persons: How many persons of a clip count: the box of a frame is the union of their
            boxes. None for all, ``'ntu'`` for one or two by the class in the sample's name.
        fallback: Box of a frame without a person: ``'frame'``, the whole one, or ``'nearest'``,
            see :func:`fill_missing`.
        rule: See :func:`~mmcl_ext.preparation.videos.sample_frames.sample_frames`.
    """

    padding: Mapping[str, float | None] = dict.fromkeys(OUTPUTS)

    def __init__(
        self,
        *,
        max_persons: PersonLimit = None,
        fallback: Literal['frame', 'nearest'] = 'frame',
        all_frames: bool = False,
        num_tiles: int = 5,
        rule: str = 'center',
    ) -> None:
        check_person_limit(max_persons)
        if fallback not in ('frame', 'nearest'):
            raise ValueError(f"fallback must be 'frame' or 'nearest', got {fallback!r}")
        sample_frames(1, num_tiles, rule)  # refuses unknown rules before the first sample
        self.max_persons, self.fallback = max_persons, fallback
        self.all_frames, self.num_tiles, self.rule = all_frames, num_tiles, rule

    @property
    @abstractmethod
    def names(self) -> Sequence[str]:
        """Names of the samples there is input for."""

    @property
    def recipe(self) -> Mapping[str, object]:
        """What shapes the boxes, as JSON types."""
        return {
            'source': type(self).__name__,
            'max_persons': self.max_persons,
            'fallback': self.fallback,
            'frames': 'all' if self.all_frames else [self.num_tiles, self.rule],
        }

    def load(self) -> None:  # noqa: B027
        """Load the model, if there is one; ValueError or OSError where it cannot be used."""

    @abstractmethod
    def read(self, name: str) -> Any:
        """Read the input of a sample."""

    @abstractmethod
    def compute(self, items: Sequence[Any]) -> Sequence[SampleFeatures]:
        """Find the boxes of a batch of samples."""

    def choose_frames(self, num_frames: int) -> np.ndarray:
        """Choose the frames that get a box: (T,) int64, ascending."""
        if self.all_frames:
            return np.arange(num_frames)
        return sample_frames(num_frames, self.num_tiles, self.rule)

    def pack(
        self,
        boxes: np.ndarray,
        found: np.ndarray,
        frame_numbers: np.ndarray,
        num_frames: int,
        size: tuple[int, int],
    ) -> SampleFeatures:
        """Turn the boxes of a sample into what shards hold; see :data:`OUTPUTS`."""
        return SampleFeatures(
            {
                'boxes': fill_missing(boxes, found, size, self.fallback).astype(np.float32),
                'found': found.astype(np.uint8),
                'frame_numbers': frame_numbers.astype(np.int64),
                'video': np.array([num_frames, *size], np.int64),
            }
        )


class ComputedBoxes:
    """A source of person boxes in the place of a box file."""

    def __init__(self, source: PersonBoxSource) -> None:
        self.source = source
        self._last: tuple[str, Mapping[str, np.ndarray]] | None = None

    @property
    def metadata(self) -> dict[str, Any]:
        """How the boxes are made."""
        return dict(self.source.recipe)

    def __contains__(self, name: object) -> bool:
        return True  # reading tells what is wrong with a sample, better than a bare no

    def read(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Compute the boxes of a sample; ValueError or OSError where its input is unreadable."""
        values = self._values(name)
        return values['boxes'], values['found'].astype(bool)

    def frame_numbers(self, name: str) -> np.ndarray:
        """Tell which frames (T,) of the video the boxes belong to."""
        return self._values(name)['frame_numbers']

    def num_frames(self, name: str) -> int:
        """Tell how many frames the video should have."""
        return int(self._values(name)['video'][0])

    def image_size(self, name: str) -> tuple[int, int]:
        """Tell width and height of the frames."""
        _, width, height = self._values(name)['video'].tolist()
        return width, height

    def _values(self, name: str) -> Mapping[str, np.ndarray]:
        if self._last is None or self._last[0] != name:
            features = self.source.compute([self.source.read(name)])
            self._last = name, features[0].values
        return self._last[1]
