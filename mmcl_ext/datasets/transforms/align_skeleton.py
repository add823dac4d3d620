"""Rotation of a skeleton into a frame of its own."""

import math
from typing import Any

import numpy as np

from mmcl_ext.datasets.transforms.geometry import real_frames, require_xyz, translate
from mmcl_ext.datasets.transforms.printable_transform import PrintableTransform
from mmcl_ext.registry import TRANSFORMS

_ALMOST_ZERO = 1e-8
_X, _Z = (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)
_IDENTITY = np.eye(3)


@TRANSFORMS.register_module()
class AlignSkeleton(PrintableTransform):
    """Turn a sequence so that its first body stands upright along z, shoulders along x.

    The normalisation of 2s-AGCN (Shi et al., CVPR 2019) in the form of PYSKL and
    MMAction2 (PreNormalize3D), with their results. The main person is the one with
    the most real frames; that person comes first and only those frames are kept. In
    the first of them, ``center`` becomes the origin, then the spine is turned onto +z,
    then the line from the left to the right shoulder onto +x. All persons and frames
    share the motion; joints that are exactly zero stay zero.

    Modified keys: ``keypoint`` (M, T, V, 3), ``total_frames``; ``keypoint_score``
    (M, T, V) where present.

    Args:
        center: The joint that becomes the origin, counted from 0.
        spine: Lower and upper joint of the spine.
        shoulders: Left and right shoulder.
    """

    def __init__(
        self,
        center: int = 1,
        spine: tuple[int, int] = (0, 1),
        shoulders: tuple[int, int] = (4, 8),
    ) -> None:
        self.center = center
        self.spine = tuple(spine)
        self.shoulders = tuple(shoulders)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Choose the frames and turn them."""
        keypoint = results['keypoint']
        require_xyz(keypoint, type(self).__name__)
        self._check_joints(keypoint.shape[2])
        real = real_frames(keypoint, _ALMOST_ZERO)
        if not real.any():
            return results
        main = int(real.sum(axis=1).argmax())
        frames = np.flatnonzero(real[main])
        for key in ('keypoint', 'keypoint_score'):
            if key in results:
                results[key] = _select(results[key], main, frames)
        results['keypoint'] = self._turn(results['keypoint'])
        results['total_frames'] = len(frames)
        return results

    def _turn(self, keypoint: np.ndarray) -> np.ndarray:
        centered = translate(keypoint, -keypoint[0, 0, self.center])
        if (keypoint[..., 0] == 0).any():
            centered[~keypoint.any(axis=-1)] = 0
        body = centered[0, 0].astype(np.float64)  # (V, C)
        upright = _rotation_onto(body[self.spine[1]] - body[self.spine[0]], _Z)
        across = upright @ (body[self.shoulders[1]] - body[self.shoulders[0]])
        rotation = (_rotation_onto(across, _X) @ upright).astype(np.float32)
        return (centered.reshape(-1, 3) @ rotation.T).reshape(keypoint.shape)

    def _check_joints(self, num_joints: int) -> None:
        joints = (self.center, *self.spine, *self.shoulders)
        if not all(0 <= joint < num_joints for joint in joints):
            raise ValueError(f'joints {joints} are not all among the {num_joints} joints')


def _select(values: np.ndarray, main: int, frames: np.ndarray) -> np.ndarray:
    """Put a person first and keep the given frames of all."""
    if main:
        values = values[[main, *(m for m in range(len(values)) if m != main)]]
    return values if len(frames) == values.shape[1] else values.take(frames, axis=1)


def _rotation_onto(vector: np.ndarray, target: tuple[float, ...]) -> np.ndarray:
    """Return the smallest rotation of a vector onto a unit vector (Rodrigues' formula).

    The identity where the vector has no length, or points along the target either way.
    """
    # Plain numbers: numpy's cross product alone takes longer than all of this.
    (a, b, c), (d, e, f) = vector.tolist(), target
    x, y, z = b * f - c * e, c * d - a * f, a * e - b * d  # axis, as long as sine times |vector|
    if abs(x) + abs(y) + abs(z) < 1e-6:
        return _IDENTITY
    length, area = math.sqrt(a * a + b * b + c * c), math.sqrt(x * x + y * y + z * z)
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    cosine = (a * d + b * e + c * f) / length
    return _IDENTITY + cross / length + (1 - cosine) / area**2 * (cross @ cross)
