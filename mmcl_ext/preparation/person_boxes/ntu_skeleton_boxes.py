import os
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from mmcl_ext.datasets.converters.skeleton_file import Recording, read_skeleton_file
from mmcl_ext.fileio.archive_file import ArchiveFile, find_files
from mmcl_ext.preparation.person_boxes.skeleton_boxes import ImageJoints, SkeletonBoxes
from mmcl_ext.registry import PERSON_BOXES

_SUFFIX = '.skeleton'


@PERSON_BOXES.register_module()
class NTUSkeletonBoxes(SkeletonBoxes):
    """Boxes around the joints in the colour image that ``.skeleton`` files of NTU RGB+D hold.

    Args:
        source: Folder of ``.skeleton`` files, or of the ZIP archives they come in.
        focal: Focal length of the colour camera in pixels. 1060 is the mean slope of image
            coordinates over x / z and y / z, fitted to recordings of the data set.
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
