"""Random change of the viewpoint in whole degrees."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from mmcl_ext.datasets.transforms.geometry import require_xyz, rotation_matrix
from mmcl_ext.datasets.transforms.printable_transform import PrintableTransform
from mmcl_ext.registry import TRANSFORMS


@TRANSFORMS.register_module()
class RandomView(PrintableTransform):
    """Turn a clip about its x and y axes and scale it, as CTR-GCN does for NW-UCLA.

    The two angles are whole degrees, uniform in [-max_degrees, max_degrees]; the
    scale is uniform. For row vectors X' = s X Ry Rx. Zeros stay zero.

    Modified keys: ``keypoint`` (M, T, V, 3).

    Args:
        max_degrees: Largest angle, in degrees.
        scale: Smallest and largest scale.
    """

    def __init__(self, max_degrees: int = 60, scale: Sequence[float] = (0.5, 1.5)) -> None:
        if max_degrees < 0:
            raise ValueError(f'max_degrees must not be negative, got {max_degrees}')
        if len(scale) != 2 or not 0 < scale[0] <= scale[1]:
            raise ValueError(f'scale takes 0 < smallest <= largest, got {scale}')
        self.max_degrees = max_degrees
        self.scale = (scale[0], scale[1])

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Turn and scale the coordinates."""
        keypoint = results['keypoint']
        require_xyz(keypoint, type(self).__name__)
        x, y = np.deg2rad(np.random.randint(-self.max_degrees, self.max_degrees + 1, size=2))
        turn = rotation_matrix((0, y, 0)) @ rotation_matrix((x, 0, 0))
        matrix = (turn * np.random.uniform(*self.scale)).astype(np.float32)
        results['keypoint'] = (keypoint.reshape(-1, 3) @ matrix).reshape(keypoint.shape)
        return results
