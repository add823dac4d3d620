"""Random loss of joints."""

from typing import Any

import numpy as np

from mmcl_ext.datasets.transforms.printable_transform import PrintableTransform
from mmcl_ext.registry import TRANSFORMS


@TRANSFORMS.register_module()
class RandomJointDrop(PrintableTransform):
    """Set joints to zero for a whole clip, as if the sensor had lost them.

    Each joint of each person is lost independently of the others.

    Modified keys: ``keypoint`` (M, T, V, C).

    Args:
        prob: Probability of a joint to be lost, in [0, 1).
    """

    def __init__(self, prob: float = 0.1) -> None:
        if not 0 <= prob < 1:
            raise ValueError(f'prob must lie in [0, 1), got {prob}')
        self.prob = prob

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Zero the lost joints."""
        M, _, V, _ = results['keypoint'].shape
        kept = np.random.rand(M, 1, V, 1) >= self.prob
        results['keypoint'] = results['keypoint'] * kept
        return results
