from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from mmcl_ext.preparation.extraction.sharding import SampleFeatures
from mmcl_ext.preparation.person_boxes.selection import (
    PersonLimit,
    check_person_limit,
    fill_missing,
)
from mmcl_ext.preparation.videos.sample_frames import sample_frames

OUTPUTS = ('boxes', 'found', 'frame_numbers', 'video')
"""Arrays of a sample: (T, 4) float32, (T,) uint8, (T,) int64 and (3,) int64: frames, W, H."""


class PersonBoxSource(ABC):
    """Base of what finds a person box for frames of a video.

    It implements :class:`~mmcl_ext.preparation.extraction.sharding.FeatureExtractor`.

    Args:
        max_persons: How many persons of a clip count: the box of a frame is the union of their
            boxes. None for all, ``'ntu'`` for one or two by the class in the sample's name.
        fallback: Box of a frame without a person: ``'frame'``, the whole one, or ``'nearest'``,
            see :func:`~mmcl_ext.preparation.person_boxes.selection.fill_missing`.
        rule: See :func:`~mmcl_ext.preparation.composites.composite.sample_frames`.

    Raises:
        ValueError: If a setting is unknown.
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

    @abstractmethod
    def load(self) -> None:
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
