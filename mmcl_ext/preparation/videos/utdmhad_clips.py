"""Depth maps and RGB videos of UTD-MHAD."""

import os

import numpy as np

from mmcl_ext.datasets.converters.matlab import read_matlab_field
from mmcl_ext.datasets.converters.utdmhad import find_utdmhad
from mmcl_ext.fileio.archive_file import ArchiveFile, local_file
from mmcl_ext.fileio.printable import counted
from mmcl_ext.preparation.videos.camera import CAMERAS, boxes_from_joints
from mmcl_ext.preparation.videos.sample_frames import Clip, match_frames, sample_frames
from mmcl_ext.preparation.videos.video import check_backend, count_frames, read_frames

# Skeleton frame t shows the pose of depth frame t + 2 (measured at fast hands).
_LAG = 2


def render_depth(depth: np.ndarray, near: float = 1.7, far: float = 4.1) -> np.ndarray:
    """Render depth (..., H, W), millimetres, as grey images (..., H, W, 3), uint8, near bright.

    ``near`` and ``far``, in metres, become 255 and 0; background (0) is black. A ValueError if
    ``near`` is not below ``far``.
    """
    if not near < far:
        raise ValueError(f'near must lie before far, got {near} m and {far} m')
    metres = depth.astype(np.float32) / 1000
    grey = np.clip((far - metres) / (far - near), 0, 1) * 255
    grey = np.where(depth > 0, np.rint(grey), 0).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=-1)


class UTDDepthSource:
    """Clips from the depth maps of UTD-MHAD (``Depth/`` or ``Depth.zip``), boxed by the skeleton.

    The stride is 1 for the official files, s for files that keep the frames 0, s, 2s, ...; for
    ``padding`` see :func:`boxes_from_joints`, for ``near`` and ``far`` :func:`render_depth`. A
    FileNotFoundError if there is no depth data; a ValueError if the stride is below 1.
    """

    near, far = 1.7, 4.1

    def __init__(self, source: str | os.PathLike, stride: int = 1, padding: float = 0.1) -> None:
        if stride < 1:
            raise ValueError(f'depth stride must be at least 1, got {stride}')
        self._members = find_utdmhad(source, 'Depth')
        self.stride, self.padding = stride, padding

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the samples that have a depth file."""
        return tuple(self._members)

    @property
    def recipe(self) -> dict[str, object]:
        """What shapes the clips."""
        settings = ('stride', 'padding', 'near', 'far')
        return {'source': 'UTD-MHAD depth', **{key: getattr(self, key) for key in settings}}

    def load(self, name: str, keypoint: np.ndarray, num_tiles: int, rule: str) -> Clip:
        """Load frames of a sample; ``keypoint`` (M, T, V, 3) is in metres in the camera."""
        if name not in self._members:
            raise FileNotFoundError(f'sample {name} has no depth file')
        depth = self._read(self._members[name], keypoint.shape[1])
        stored = sample_frames(depth.shape[2], num_tiles, rule)
        joints = keypoint[:, np.maximum(stored * self.stride - _LAG, 0)]
        boxes, found = boxes_from_joints(joints, CAMERAS['utdmhad_depth'], self.padding)
        images = render_depth(depth[..., stored].transpose(2, 0, 1), self.near, self.far)
        return Clip(tuple(images), boxes, found)

    def _read(self, member: ArchiveFile, num_frames: int) -> np.ndarray:
        depth = read_matlab_field(member, 'd_depth')
        if depth.ndim != 3 or depth.shape[:2] != (240, 320):
            raise ValueError(
                f'{member}: field d_depth: expected shape (240, 320, T), got {depth.shape}'
            )
        expected = -(-num_frames // self.stride)
        if depth.shape[2] != expected:
            raise ValueError(
                f'{member}: field d_depth: {counted(depth.shape[2], "frame")}, but the skeleton '
                f'has {num_frames}, which makes {expected} at depth stride {self.stride}'
            )
        return depth


UTD_RGB_LAG = 3
"""How many of its own frames a video trails its skeleton (third-party measurement)."""


class UTDVideoSource:
    """Clips from the RGB videos of UTD-MHAD, boxed by the skeleton.

    Videos have their own frame rate: frames are matched to the skeleton by their share of the clip,
    less the lag of the video. The folder has ``RGB/``, ``RGB.zip`` or ``RGB-part*.zip``; for
    ``padding`` see :func:`boxes_from_joints`, for ``backend`` :func:`read_frames`. A
    FileNotFoundError if there are no videos; a ValueError if the backend is unknown or not
    installed.
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
        """What shapes the clips."""
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
