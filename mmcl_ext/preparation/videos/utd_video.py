"""RGB videos of UTD-MHAD."""

import os

import numpy as np

from mmcl_ext.datasets.converters.utdmhad import find_utdmhad
from mmcl_ext.fileio.archive_file import local_file
from mmcl_ext.preparation.videos.camera import CAMERAS
from mmcl_ext.preparation.videos.projected_boxes import boxes_from_joints
from mmcl_ext.preparation.videos.sample_frames import Clip, match_frames, sample_frames
from mmcl_ext.preparation.videos.video import check_backend, count_frames, read_frames

UTD_RGB_LAG = 3
"""How many of its own frames a video trails its skeleton (third-party measurement)."""


class UTDVideoSource:
    """Clips from the RGB videos of UTD-MHAD, boxed by the skeleton.

    Videos have their own frame rate: frames are matched to the skeleton by their share of the
    clip, less the lag of the video. The folder has ``RGB/``, ``RGB.zip`` or ``RGB-part*.zip``;
    for ``padding`` see :func:`boxes_from_joints`, for ``backend`` :func:`read_frames`.

    Raises:
        FileNotFoundError: If there are no videos.
        ValueError: If the backend is unknown or not installed.
    """

    def __init__(
        self, source: str | os.PathLike, padding: float = 0.1, backend: str = 'auto'
    ) -> None:
        check_backend(backend)
        self._members = find_utdmhad(source, 'RGB')
        self.padding, self.backend = padding, backend

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the samples that have a video."""
        return tuple(self._members)

    @property
    def recipe(self) -> dict[str, object]:
        """What shapes the clips; clips of equal recipes are equal."""
        return {'source': 'UTD-MHAD RGB', 'padding': self.padding}

    def load(self, name: str, keypoint: np.ndarray, num_tiles: int, rule: str) -> Clip:
        """Load frames of a sample; ``keypoint`` (M, T, V, 3) is metric, in the depth camera."""
        if name not in self._members:
            raise FileNotFoundError(f'sample {name} has no RGB video')
        with local_file(self._members[name]) as path:
            num_frames = count_frames(path, self.backend)
            chosen = sample_frames(num_frames, num_tiles, rule)
            frames = read_frames(path, chosen.tolist(), self.backend)
        if frames[0].shape[:2] != CAMERAS['utdmhad_rgb'].size[::-1]:
            raise ValueError(f'{self._members[name]}: expected 640x480, got {frames[0].shape}')
        joints = keypoint[:, match_frames(chosen, num_frames, keypoint.shape[1], UTD_RGB_LAG)]
        boxes, found = boxes_from_joints(joints, CAMERAS['utdmhad_rgb'], self.padding)
        return Clip(tuple(frames), boxes, found)
