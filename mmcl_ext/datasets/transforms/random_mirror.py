"""Random exchange of left and right."""

from functools import cache
from typing import Any

import numpy as np

from mmcl_ext.datasets.transforms.printable_transform import PrintableTransform
from mmcl_ext.graphs.layouts import get_layout
from mmcl_ext.registry import TRANSFORMS


@TRANSFORMS.register_module()
class RandomMirror(PrintableTransform):
    """Mirror a clip: negate x and exchange the left joints with the right ones.

    Meant for coordinates around an origin on the body (after ``CenterSkeleton``);
    not for actions that differ by the hand used.

    Required keys: ``layout``. Modified keys: ``keypoint`` (M, T, V, C);
    ``keypoint_score`` (M, T, V) where present.

    Args:
        prob: Probability to mirror.
    """

    def __init__(self, prob: float = 0.5) -> None:
        if not 0 <= prob <= 1:
            raise ValueError(f'prob must lie in [0, 1], got {prob}')
        self.prob = prob

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Mirror the coordinates, or leave them."""
        if np.random.rand() >= self.prob:
            return results
        partners = _partners(results['layout'])
        mirrored = results['keypoint'][:, :, partners]
        mirrored[..., 0] *= -1
        results['keypoint'] = mirrored
        if 'keypoint_score' in results:
            results['keypoint_score'] = results['keypoint_score'][:, :, partners]
        return results


@cache
def _partners(layout: str) -> np.ndarray:
    """Return for each joint the one on the other side, itself on the middle line."""
    partners = np.arange(get_layout(layout).num_joints)
    for left, right in get_layout(layout).pairs:
        partners[[left, right]] = right, left
    return partners
