"""Scaling of a clip to a fixed range."""

from typing import Any

import numpy as np

from mmcl_ext.datasets.transforms.geometry import real_frames
from mmcl_ext.datasets.transforms.printable_transform import PrintableTransform
from mmcl_ext.registry import TRANSFORMS


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
