"""Pinhole cameras, and person boxes from the skeleton that they see."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class PinholeCamera:
    """Camera that looks along +z with y up.

    A point (x, y, z) falls on the pixel ``u = center[0] + s * focal * x / z`` and
    ``v = center[1] - focal * y / z``, with s = -1 for a mirrored camera, 1 otherwise.

    Attributes:
        center: Principal point (u, v) in pixels.
        mirrored: Whether +x lies on the left of the image.
    """

    focal: float
    center: tuple[float, float]
    size: tuple[int, int]
    mirrored: bool = False

    def project(self, points: np.ndarray) -> np.ndarray:
        """Project points (..., 3) in metres to pixels (..., 2), NaN where z is not positive."""
        points = np.asarray(points, dtype=np.float64)
        depth = np.where(points[..., 2] > 0, points[..., 2], np.nan)
        sign = -1 if self.mirrored else 1
        u = self.center[0] + sign * self.focal * points[..., 0] / depth
        v = self.center[1] - self.focal * points[..., 1] / depth
        return np.stack([u, v], axis=-1)


# Kinect v1's nominal focal lengths. At 320 x 240 it was fitted to UTD-MHAD's depth maps: 99.5 % of
# the torso joints land on the figure, whose right is on the right. The RGB videos are mirrored to
# that, and the camera is the sensor's specification, not fitted.
CAMERAS = {
    'utdmhad_depth': PinholeCamera(focal=285.63, center=(160.0, 120.0), size=(320, 240)),
    'utdmhad_rgb': PinholeCamera(
        focal=531.15, center=(320.0, 240.0), size=(640, 480), mirrored=True
    ),
}


def boxes_from_joints(
    joints: np.ndarray, camera: PinholeCamera, padding: float = 0.1
) -> tuple[np.ndarray, np.ndarray]:
    """Box the person around the projected joints (T, V, 3) or (M, T, V, 3), in metres.

    Joints lie inside the body, so each that is there (:func:`project_joints`) is taken as a square
    of ``2 * padding`` metres that faces the camera; several persons get the union of their boxes.

    Returns:
        Boxes (T, 4) x1, y1, x2, y2 in pixels, clipped to the image, and a (T,) bool array
        that is False where no joint is in view: there the box is the whole image.
    """
    if joints.ndim not in (3, 4) or joints.shape[-1] != 3:
        raise ValueError(f'expected joints (T, V, 3) or (M, T, V, 3), got {joints.shape}')
    if joints.ndim == 4:  # (M, T, V, 3) -> (T, M * V, 3)
        joints = joints.swapaxes(0, 1).reshape(joints.shape[1], -1, 3)
    return boxes_around(
        project_joints(joints, camera), joints[..., 2], camera.focal, camera.size, padding
    )


def project_joints(joints: np.ndarray, camera: PinholeCamera) -> np.ndarray:
    """Project joints (..., 3) in metres to pixels (..., 2), NaN for absent ones.

    Joints that are exactly zero, not finite or behind the camera count as absent.
    """
    present = np.isfinite(joints).all(-1) & joints.any(-1) & (joints[..., 2] > 0)
    return camera.project(np.where(present[..., None], joints, np.nan))


def boxes_around(
    pixels: np.ndarray,
    distance: np.ndarray,
    focal: float,
    size: tuple[int, int],
    padding: float = 0.1,
) -> tuple[np.ndarray, np.ndarray]:
    """Box the joints of each frame, each taken as a square of ``2 * padding`` metres.

    As :func:`boxes_from_joints`, for ``pixels`` (T, V, 2), NaN where absent, at a ``distance``
    (T, V) in metres along the axis of a camera of this focal length and image size in pixels.
    """
    present = np.isfinite(pixels).all(-1) & (distance > 0)
    far = np.where(present, distance, np.nan)
    centers, reach = pixels.astype(np.float64), (focal * padding / far)[..., None]  # (T, V, 1)
    low = np.min(centers - reach, axis=1, initial=np.inf, where=present[..., None])
    high = np.max(centers + reach, axis=1, initial=-np.inf, where=present[..., None])
    boxes = np.concatenate([np.maximum(low, 0), np.minimum(high, size)], axis=1)
    found = np.all(boxes[:, 2:] > boxes[:, :2], axis=1)
    boxes[~found] = (0, 0, *size)
    return boxes, found
