"""Where a skeleton stands, which way it faces and how large it is."""

import math
from typing import Any

import numpy as np

from mmcl_ext.datasets.transforms.geometry import (
    PrintableTransform,
    real_frames,
    require_xyz,
    rotation_matrix,
    translate,
)
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
    share the motion; joints that are exactly zero stay zero. Without ``align_spine`` nothing turns.

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
        align_spine: bool = True,
    ) -> None:
        self.align_spine = align_spine
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
        if not self.align_spine:
            return centered
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


@TRANSFORMS.register_module()
class CenterSkeleton(PrintableTransform):
    """Move the origin to a joint of person 0 in that person's first real frame.

    One translation for all persons and frames, as in CTR-GCN's preparation of
    NTU RGB+D. Joint 1 is the middle of the spine of a Kinect. Frames of a person that are all zero
    (nobody there) stay zero; a sequence without person 0 is left as it is.

    Modified keys: ``keypoint`` (M, T, V, C).
    """

    def __init__(self, joint: int = 1) -> None:
        self.joint = joint

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Translate the coordinates."""
        keypoint = results['keypoint']
        if not 0 <= self.joint < keypoint.shape[2]:
            raise ValueError(f'joint {self.joint} is outside the {keypoint.shape[2]} joints')
        real = real_frames(keypoint)  # (M, T)
        if not real[0].any():
            return results
        origin = keypoint[0, real[0].argmax(), self.joint]
        centered = translate(keypoint, -origin)
        if not real.all():
            centered[~real] = 0
        results['keypoint'] = centered
        return results


@TRANSFORMS.register_module()
class FaceSensor(PrintableTransform):
    """Level a clip and turn it about the vertical, so that its first body faces the sensor.

    For a network that knows its performers from the front and is tested on data of tilted
    or sideways sensors. First the sensor's known tilt is undone, then the clip turns
    about y until the line from the left to the right shoulder, averaged over the first
    body's real frames and seen from above, points along +x. In Kinect's coordinates (x to
    the right of a performer who faces the sensor, y up, z away from it) that body then
    faces the sensor. Lengths and time stay; all persons share the rotation about the origin.

    Modified keys: ``keypoint`` (M, T, V, 3).

    Args:
        pitch: Degrees by which the sensor looks down.
        turn: Whether to turn about the vertical; False only levels.
        shoulders: Left and right shoulder; those of both Kinects by default.
    """

    def __init__(
        self, pitch: float = 0.0, turn: bool = True, shoulders: tuple[int, int] = (4, 8)
    ) -> None:
        if not -90 <= pitch <= 90:
            raise ValueError(f'pitch is in degrees from -90 to 90, got {pitch}')
        self.pitch = pitch
        self.turn = turn
        self.shoulders = tuple(shoulders)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Turn the coordinates."""
        keypoint = results['keypoint']
        require_xyz(keypoint, type(self).__name__)
        if not all(0 <= joint < keypoint.shape[2] for joint in self.shoulders):
            raise ValueError(
                f'shoulders {self.shoulders} are not among the {keypoint.shape[2]} joints'
            )
        # To a sensor that looks down the upright leans towards it: levelled, it is +y.
        rotation = rotation_matrix((-math.radians(self.pitch), 0, 0))
        if self.turn:
            rotation = self._turn(keypoint, rotation) @ rotation
        turned = keypoint.reshape(-1, 3) @ rotation.T.astype(np.float32)
        results['keypoint'] = turned.reshape(keypoint.shape)
        return results

    def _turn(self, keypoint: np.ndarray, levelled: np.ndarray) -> np.ndarray:
        body = keypoint[0][real_frames(keypoint)[0]].astype(np.float64)  # (frames, V, 3)
        left, right = self.shoulders
        across = levelled @ (body[:, right] - body[:, left]).sum(axis=0)
        return rotation_matrix((0, -math.atan2(across[2], across[0]), 0))  # onto +x


@TRANSFORMS.register_module()
class NormalizeRange(PrintableTransform):
    """Scale each axis of a clip to [-1, 1], as CTR-GCN does for NW-UCLA.

    Smallest and largest value are taken over all joints of all real frames of all
    persons. An axis without extent becomes 0. Frames of a person that are all zero
    (nobody there) stay zero and do not count.

    Modified keys: ``keypoint`` (M, T, V, C).
    """

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Scale the coordinates."""
        keypoint = results['keypoint']
        real = real_frames(keypoint)  # (M, T)
        if not real.any():
            return results
        bodies = keypoint[real]  # (frames, V, C)
        low, high = bodies.min(axis=(0, 1)), bodies.max(axis=(0, 1))
        extent = high - low
        unit = np.divide(bodies - low, extent, out=np.full_like(bodies, 0.5), where=extent > 0)
        scaled = np.zeros_like(keypoint)
        scaled[real] = 2 * unit - 1
        results['keypoint'] = scaled
        return results
