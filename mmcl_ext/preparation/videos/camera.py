"""Pinhole cameras of depth sensors whose skeletons come in camera space."""

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
"""Known cameras by name."""
