import os
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from mmcl_ext.preparation.extraction.sharding import SampleFeatures
from mmcl_ext.preparation.person_boxes.person_box_source import PersonBoxSource
from mmcl_ext.preparation.person_boxes.selection import most_active, person_limit
from mmcl_ext.preparation.videos.projected_boxes import boxes_around
from mmcl_ext.preparation.videos.sample_frames import match_frames
from mmcl_ext.preparation.videos.video import count_frames
from mmcl_ext.preparation.videos.video_folder import VideoFolder


class ImageJoints(NamedTuple):
    """Skeletons of a sample in space and in the image.

    Attributes:
        metres: (M, T, V, 3) in the sensor's frame, zeros where a person is absent.
        pixels: (M, T, V, 2) places in the image, NaN for absent joints.
    """

    metres: np.ndarray
    pixels: np.ndarray


class SkeletonBoxes(PersonBoxSource):
    """Base of the boxes around skeletons: no network, no weights, no video needed.

    The most active of several persons are those with the largest motion energy, see
    :func:`~mmcl_ext.preparation.person_boxes.selection.motion_energy`.

    Args:
        padding: Distance from a joint to the outline of the body in metres.
        lag: How many of its frames the video trails the skeleton.
        videos: Folder of the videos, where they have not as many frames as the skeletons: their
            frames are counted, and matched by their share of the clip.

    Raises:
        ValueError: If a setting is unknown or not positive.
    """

    def __init__(
        self,
        *,
        focal: float,
        size: tuple[int, int],
        padding: float = 0.1,
        lag: float = 0,
        videos: str | os.PathLike | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        if not (focal > 0 and min(size) > 0 and padding >= 0):
            raise ValueError(
                f'focal length and size must be positive, padding not negative, got '
                f'{focal}, {size} and {padding}'
            )
        self.focal, self.size, self.padding_metres, self.lag = focal, size, padding, lag
        self.videos = None if videos is None else VideoFolder(videos)

    @property
    def recipe(self) -> Mapping[str, object]:
        """Camera and settings."""
        return {
            **super().recipe,
            'focal': self.focal,
            'size': list(self.size),
            'padding': self.padding_metres,
            'lag': self.lag,
            'counted': self.videos is not None,
        }

    def load(self) -> None:
        """Nothing to load."""

    @abstractmethod
    def read_joints(self, name: str) -> ImageJoints:
        """Read all persons of a sample, in all frames of its skeleton.

        Raises:
            FileNotFoundError: There is no such sample.
            ValueError: Its file is malformed, or has no frame.
        """

    def read(self, name: str) -> tuple[np.ndarray, ...]:
        """Read the persons that count (:class:`ImageJoints`) and the length of the video (1,)."""
        joints = self.read_joints(name)
        chosen = most_active(joints.metres, person_limit(self.max_persons, name))
        num_frames = joints.metres.shape[1]
        if self.videos is not None:
            num_frames = count_frames(self.videos.video(name))
        return joints.metres[chosen], joints.pixels[chosen], np.array([num_frames])

    def compute(self, items: Sequence[tuple[np.ndarray, ...]]) -> Sequence[SampleFeatures]:
        """Box the joints of a batch of samples."""
        return [self._box(*item) for item in items]

    def _box(self, metres: np.ndarray, pixels: np.ndarray, length: np.ndarray) -> SampleFeatures:
        num_frames = int(length[0])
        numbers = self.choose_frames(num_frames)
        frames = match_frames(numbers, num_frames, metres.shape[1], self.lag)
        # (M, T, V, C) -> (T, M * V, C)
        points = pixels[:, frames].swapaxes(0, 1).reshape(len(frames), -1, 2)
        distance = metres[:, frames][..., 2].swapaxes(0, 1).reshape(len(frames), -1)
        boxes, found = boxes_around(points, distance, self.focal, self.size, self.padding_metres)
        return self.pack(boxes, found, numbers, num_frames, self.size)
