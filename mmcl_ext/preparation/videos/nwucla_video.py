"""Videos of Northwestern-UCLA, and where something moves in them."""

import os
import re
from collections.abc import Sequence

import cv2
import numpy as np

from mmcl_ext.fileio.archive_file import ArchiveFile, find_files, local_file
from mmcl_ext.preparation.videos.sample_frames import Clip, sample_frames
from mmcl_ext.preparation.videos.video import check_backend, count_frames, read_frames
from mmcl_ext.preparation.videos.video_source import WHOLE_FRAMES


def moving_box(frames: Sequence[np.ndarray]) -> tuple[np.ndarray, bool]:
    """Box what differs from the clip's median image: one square for the whole clip.

    In more than 3 % of the T ``frames`` (H, W, 3), uint8, BGR, a pixel has to differ from its
    median over the clip by more than 25 grey levels.

    Returns:
        (4,) x1, y1, x2, y2 in pixels, moved into the image, and cut by it where it is larger;
        and whether anything moves: if not, the box is the whole image.
    """
    grey = np.stack([cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY) for frame in frames])  # (T, H, W)
    changes = np.abs(grey - np.median(grey, axis=0)) > 25
    rows, columns = np.nonzero(changes.mean(axis=0) > 0.03)
    size = np.array(grey.shape[:0:-1], np.float64)  # W, H
    if not len(rows):
        return np.array([0, 0, *size]), False
    low = np.array([columns.min(), rows.min()], np.float64)
    high = np.array([columns.max() + 1, rows.max() + 1], np.float64)
    side = (high - low).max()
    start = np.clip((low + high - side) / 2, 0, np.maximum(size - side, 0))
    return np.concatenate([start, np.minimum(start + side, size)]), True


_PATH = re.compile(r'(a\d\d)/(v\d\d)_(s\d\d)_(e\d\d)\.avi$')
CROPS = ('motion', 'frame')
"""Boxes by what moves in the clip, see :func:`moving_box`, or whole frames."""


class NWUCLAVideoSource:
    """Clips from the videos of Northwestern-UCLA, whose camera rests.

    The video ``a01/v03_s02_e00.avi``, however deep in the folder or ZIP archive, belongs to the
    sample ``a01_s02_e00_v03``. ``crop`` is one of :data:`CROPS`; for ``backend`` see
    :func:`~mmcl_ext.preparation.videos.video.read_frames`. A FileNotFoundError if there are no
    videos; a ValueError if crop or backend are unknown, or two videos belong to one sample.
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
        """What shapes the clips."""
        boxes = WHOLE_FRAMES if self.crop == 'frame' else self.crop
        return {'source': 'NW-UCLA videos', 'boxes': boxes}

    def load(self, name: str, keypoint: np.ndarray, num_tiles: int, rule: str) -> Clip:
        """Load frames of a sample; its skeleton says nothing, for the camera is not known."""
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
