"""RGB videos of UTD-MHAD."""

import os

import numpy as np

from mmcl_ext.datasets.converters.utd_mhad import find_utd_mhad
from mmcl_ext.fileio.local_file import LocalFile
from mmcl_ext.preparation.videos.camera import PinholeCamera
from mmcl_ext.preparation.videos.clip import Clip
from mmcl_ext.preparation.videos.projected_boxes import boxes_from_joints
from mmcl_ext.preparation.videos.sample_frames import sample_frames
from mmcl_ext.preparation.videos.video import check_backend, count_frames, read_frames

# Kinect v1's nominal focal length at 640 x 480. Unlike the depth maps the videos are not
# mirrored. Taken from the sensor's specification, not fitted to the data set.
UTD_RGB_CAMERA = PinholeCamera(focal=531.15, center=(320.0, 240.0), size=(640, 480), mirrored=True)

# The video trails the skeleton by three of its own frames (third-party measurement).
_LAG = 3


class UTDVideoSource:
    """Clips from the RGB videos of UTD-MHAD, boxed by the skeleton.

    Videos have their own frame rate: frames are matched to the skeleton by their share of the
    clip, less the lag of the video.

    Args:
        source: Folder with ``RGB/``, ``RGB.zip`` or ``RGB-part*.zip``.
        padding: See :func:`~mmcl_ext.preparation.videos.projected_boxes.boxes_from_joints`.
        backend: See :func:`~mmcl_ext.preparation.videos.video.read_frames`.

    Raises:
        FileNotFoundError: If there are no videos.
        ValueError: If the backend is unknown or not installed.
    """

    def __init__(
        self, source: str | os.PathLike, padding: float = 0.1, backend: str = 'auto'
    ) -> None:
        check_backend(backend)
        self._members = find_utd_mhad(source, 'RGB')
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
        """Load uniformly sampled frames of a sample.

        Args:
            name: Sample name.
            keypoint: (M, T, V, 3) its skeleton in metres in the depth camera's frame.
            num_tiles: Number m of frames.
            rule: See :func:`~mmcl_ext.preparation.composites.composite.sample_frames`.

        Raises:
            FileNotFoundError: If the sample has no video.
            ValueError: If the video is damaged or not 640 x 480.
        """
        if name not in self._members:
            raise FileNotFoundError(f'sample {name} has no RGB video')
        with LocalFile(self._members[name]) as path:
            num_frames = count_frames(path, self.backend)
            chosen = sample_frames(num_frames, num_tiles, rule)
            frames = read_frames(path, chosen.tolist(), self.backend)
        if frames[0].shape[:2] != UTD_RGB_CAMERA.size[::-1]:
            raise ValueError(f'{self._members[name]}: expected 640x480, got {frames[0].shape}')
        joints = keypoint[:, skeleton_frames(chosen, num_frames, keypoint.shape[1])]
        boxes, found = boxes_from_joints(joints, UTD_RGB_CAMERA, self.padding)
        return Clip(tuple(frames), boxes, found)


def skeleton_frames(video_frames: np.ndarray, num_video: int, num_skeleton: int) -> np.ndarray:
    """Match frames of a UTD-MHAD video to frames of its skeleton.

    Args:
        video_frames: (m,) frame numbers in the video.
        num_video: Number of frames of the video.
        num_skeleton: Number T of frames of the skeleton.

    Returns:
        (m,) frame numbers in [0, T).
    """
    share = (video_frames - _LAG + 0.5) / num_video
    return np.clip(np.floor(share * num_skeleton), 0, num_skeleton - 1).astype(np.int64)
