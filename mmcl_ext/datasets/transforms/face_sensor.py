"""Rotation of a clip to where another data set has its sensor."""

import math
from typing import Any

import numpy as np

from mmcl_ext.datasets.transforms.geometry import real_frames, require_xyz
from mmcl_ext.datasets.transforms.printable_transform import PrintableTransform
from mmcl_ext.registry import TRANSFORMS


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
        rotation = _about_x(math.radians(self.pitch))
        if self.turn:
            rotation = self._turn(keypoint, rotation) @ rotation
        turned = keypoint.reshape(-1, 3) @ rotation.T.astype(np.float32)
        results['keypoint'] = turned.reshape(keypoint.shape)
        return results

    def _turn(self, keypoint: np.ndarray, levelled: np.ndarray) -> np.ndarray:
        body = keypoint[0][real_frames(keypoint)[0]].astype(np.float64)  # (frames, V, 3)
        left, right = self.shoulders
        across = levelled @ (body[:, right] - body[:, left]).sum(axis=0)
        return _about_y(math.atan2(across[2], across[0]))


def _about_x(angle: float) -> np.ndarray:
    """Rotation that levels what a sensor sees that looks down by an angle."""
    c, s = math.cos(angle), math.sin(angle)
    # To such a sensor the upright leans towards it: up is (0, c, -s), which becomes +y.
    return np.array([[1.0, 0.0, 0.0], [0.0, c, -s], [0.0, s, c]])


def _about_y(angle: float) -> np.ndarray:
    """Rotation that brings (cos(angle), 0, sin(angle)) onto +x."""
    c, s = math.cos(angle), math.sin(angle)
    return np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])
