"""Videos of Northwestern-UCLA."""

import os
import re

import numpy as np

from mmcl_ext.fileio.archive_file import ArchiveFile, find_files, local_file
from mmcl_ext.preparation.videos.moving_box import moving_box
from mmcl_ext.preparation.videos.sample_frames import Clip, sample_frames
from mmcl_ext.preparation.videos.video import check_backend, count_frames, read_frames
from mmcl_ext.preparation.videos.video_source import WHOLE_FRAMES

_PATH = re.compile(r'(a\d\d)/(v\d\d)_(s\d\d)_(e\d\d)\.avi$')
CROPS = ('motion', 'frame')
"""Boxes by what moves in the clip, see :func:`moving_box`, or whole frames."""


class NWUCLAVideoSource:
    """Clips from the videos of Northwestern-UCLA, whose camera rests.

    The video ``a01/v03_s02_e00.avi`` belongs to the sample ``a01_s02_e00_v03``.

    Args:
        source: Folder or ZIP archive with the videos, however deep.
        crop: One of :data:`CROPS`.
        backend: See :func:`~mmcl_ext.preparation.videos.video.read_frames`.

    Raises:
        FileNotFoundError: If there are no videos.
        ValueError: If crop or backend are unknown, or two videos belong to one sample.
    """

    def __init__(
        self, source: str | os.PathLike, crop: str = 'motion', backend: str = 'auto'
    ) -> None:
        check_backend(backend)
        if crop not in CROPS:
            raise ValueError(f'unknown crop {crop!r}, known are {CROPS}')
        members = find_files(source, '.avi', _sample_name)
        self._members = {name: member for name, member in members.items() if '.' not in name}
        if not self._members:
            raise FileNotFoundError(f'no video such as a01/v01_s01_e00.avi in {source}')
        self.crop, self.backend = crop, backend

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the samples that have a video."""
        return tuple(self._members)

    @property
    def recipe(self) -> dict[str, object]:
        """What shapes the clips; clips of equal recipes are equal."""
        boxes = WHOLE_FRAMES if self.crop == 'frame' else self.crop
        return {'source': 'NW-UCLA videos', 'boxes': boxes}

    def load(self, name: str, keypoint: np.ndarray, num_tiles: int, rule: str) -> Clip:
        """Load uniformly sampled frames of a sample.

        Args:
            name: Sample name.
            keypoint: Not looked at: nothing is known of the camera.
            num_tiles: Number m of frames.
            rule: See :func:`~mmcl_ext.preparation.composites.composite.sample_frames`.

        Raises:
            FileNotFoundError: If the sample has no video.
            ValueError: If the video is damaged.
        """
        if name not in self._members:
            raise FileNotFoundError(f'sample {name} has no video')
        with local_file(self._members[name]) as path:
            frames = read_frames(path, range(count_frames(path, self.backend)), self.backend)
        chosen = [frames[index] for index in sample_frames(len(frames), num_tiles, rule)]
        height, width = frames[0].shape[:2]
        box, found = np.array([0, 0, width, height]), True
        if self.crop == 'motion':
            box, found = moving_box(frames)
        return Clip(tuple(chosen), np.tile(box, (num_tiles, 1)), np.full(num_tiles, found))


def _sample_name(member: ArchiveFile) -> str:
    """Name the sample of a video; a path of another kind stays as it is."""
    path = member.path.as_posix() if member.inner is None else member.inner
    match = _PATH.search(path)
    return '{0}_{2}_{3}_{1}'.format(*match.groups()) if match else path
