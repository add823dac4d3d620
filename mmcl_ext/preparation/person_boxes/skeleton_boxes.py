"""Person boxes around skeletons."""

import os
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mmcl_ext.datasets.converters.skeleton_file import Recording, read_skeleton_file
from mmcl_ext.datasets.store import SkeletonStore
from mmcl_ext.fileio.archive_file import ArchiveFile, find_files
from mmcl_ext.preparation.extraction.sharding import SampleFeatures
from mmcl_ext.preparation.person_boxes.person_box_source import (
    PersonBoxSource,
    most_active,
    person_limit,
)
from mmcl_ext.preparation.videos.camera import CAMERAS, PinholeCamera, boxes_around, project_joints
from mmcl_ext.preparation.videos.sample_frames import match_frames
from mmcl_ext.preparation.videos.video import count_frames
from mmcl_ext.preparation.videos.video_folder import VideoFolder
from mmcl_ext.registry import PERSON_BOXES


class ImageJoints(NamedTuple):
    """Skeletons of a sample: in metres in the sensor's frame, and as places in the image.

    They are (M, T, V, 3), zeros where a person is absent, and (M, T, V, 2), NaN for absent joints.
    """

    metres: np.ndarray
    pixels: np.ndarray


class SkeletonBoxes(PersonBoxSource):
    """Base of the boxes around skeletons: no network, no weights, no video needed.

    The most active of several persons are those with the largest motion energy, see
    :func:`motion_energy`. ``padding`` is the distance from a joint to the outline of the body in
    metres; the video trails by ``lag`` of its frames. Of ``videos`` that have not as many frames as
    the skeletons, the frames are counted, and matched by their share of the clip. A ValueError if a
    setting is unknown or not positive.
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

    @abstractmethod
    def read_joints(self, name: str) -> ImageJoints:
        """Read all persons of a sample, in all frames of its skeleton.

        FileNotFoundError without such a sample, ValueError where it is malformed or has no frame.
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


_SUFFIX = '.skeleton'


@PERSON_BOXES.register_module()
class NTUSkeletonBoxes(SkeletonBoxes):
    """Boxes around the joints in the colour image that ``.skeleton`` files of NTU RGB+D hold.

    The files lie in the folder ``source``, also in their ZIP archives. The focal length of the
    colour camera in pixels is the mean slope of image coordinates over x / z and y / z, fitted to
    recordings of the data set.
    """

    def __init__(
        self,
        source: str | os.PathLike,
        *,
        focal: float = 1060.0,
        size: tuple[int, int] = (1920, 1080),
        **settings: Any,
    ) -> None:
        super().__init__(focal=focal, size=size, **settings)
        self.source = Path(source)

    @property
    def names(self) -> list[str]:
        """Names of the samples that have a file, sorted; FileNotFoundError where none has."""
        if not self._members:
            raise FileNotFoundError(f'{self.source} has no *{_SUFFIX}')
        return list(self._members)

    def read_joints(self, name: str) -> ImageJoints:
        """Read all bodies of a file; a tracking identity makes a person."""
        if name not in self._members:
            raise FileNotFoundError(f'sample {name!r} has no {_SUFFIX} file in {self.source}')
        recording = read_skeleton_file(self._members[name], with_pixels=True)
        if not recording.num_frames:
            raise ValueError(f'{self._members[name]}: recording without a single frame')
        return _by_person(recording)

    @cached_property
    def _members(self) -> dict[str, ArchiveFile]:
        found = find_files(self.source, _SUFFIX)
        return {name.removesuffix(_SUFFIX): member for name, member in found.items()}


def _by_person(recording: Recording) -> ImageJoints:
    """Give each tracking identity a track over all frames, in the order of appearance."""
    persons = {body: row for row, body in enumerate(dict.fromkeys(recording.body_id))}
    person = np.array([persons[body] for body in recording.body_id], np.int64)
    shape = max(len(persons), 1), recording.num_frames, recording.joints.shape[1]
    metres = np.zeros((*shape, 3), np.float32)
    pixels = np.full((*shape, 2), np.nan, np.float32)
    metres[person, recording.frame] = recording.joints
    pixels[person, recording.frame] = recording.pixels
    return ImageJoints(metres, pixels)


@PERSON_BOXES.register_module()
class ProjectedSkeletonBoxes(SkeletonBoxes):
    """Boxes around the skeletons of an annotation store, projected into the image.

    A FileNotFoundError if there is no such store; a ValueError if the store's coordinates are not
    three, or the camera is described wrongly.

    Args:
        source: Annotation store with coordinates in metres in the sensor's frame, as those of
            UTD-MHAD and NW-UCLA are.
        camera: Name in :data:`~mmcl_ext.preparation.videos.camera.CAMERAS`, or arguments of
            :class:`~mmcl_ext.preparation.videos.camera.PinholeCamera`.
    """

    def __init__(
        self, source: str | os.PathLike, *, camera: str | Mapping[str, Any], **settings: Any
    ) -> None:
        self.camera = _make_camera(camera)
        super().__init__(focal=self.camera.focal, size=self.camera.size, **settings)
        self.store = SkeletonStore(source)
        if self.store.num_channels != 3:
            raise ValueError(
                f'{source} has {self.store.num_channels} coordinates per joint, a camera needs 3'
            )

    @property
    def names(self) -> Sequence[str]:
        """Names of the store, in its order."""
        return list(self.store.names)

    @property
    def recipe(self) -> Mapping[str, object]:
        """Camera, settings and how the store was made."""
        return {
            **super().recipe,
            'center': list(self.camera.center),
            'mirrored': self.camera.mirrored,
            'store': self.store.metadata,
        }

    def read_joints(self, name: str) -> ImageJoints:
        """Read and project all persons of a sample."""
        if name not in self._positions:
            raise FileNotFoundError(f'sample {name!r} is not in {self.store.path}')
        joints = self.store.keypoint(self._positions[name])
        return ImageJoints(joints, project_joints(joints, self.camera))

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {name: index for index, name in enumerate(self.store.names)}


def _make_camera(camera: str | Mapping[str, Any]) -> PinholeCamera:
    if isinstance(camera, str):
        if camera not in CAMERAS:
            raise ValueError(f'unknown camera {camera!r}, known are {tuple(CAMERAS)}')
        return CAMERAS[camera]
    values: Any = {key: tuple(v) if isinstance(v, list) else v for key, v in camera.items()}
    try:
        return PinholeCamera(**values)
    except TypeError as error:
        raise ValueError(
            f'camera needs focal, center and size, optionally mirrored, got {dict(camera)}'
        ) from error
