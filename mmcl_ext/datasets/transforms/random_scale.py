"""Random change of a body's proportions."""

from typing import Any

import numpy as np

from mmcl_ext.datasets.transforms.printable_transform import PrintableTransform
from mmcl_ext.registry import TRANSFORMS


@TRANSFORMS.register_module()
class RandomScale(PrintableTransform):
    """Scale each axis of a clip by its own factor, uniform in [1 - scale, 1 + scale).

    Modified keys: ``keypoint`` (M, T, V, C).

    Args:
        scale: Largest relative change, in [0, 1).
    """

    def __init__(self, scale: float = 0.2) -> None:
        if not 0 <= scale < 1:
            raise ValueError(f'scale must lie in [0, 1), got {scale}')
        self.scale = scale

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Scale the coordinates."""
        num_channels = results['keypoint'].shape[-1]
        factors = np.random.uniform(1 - self.scale, 1 + self.scale, num_channels)
        results['keypoint'] = results['keypoint'] * factors.astype(np.float32)
        return results
