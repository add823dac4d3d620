"""Skeletons of one layout as skeletons of another."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from mmcl_ext.datasets.transforms.printable_transform import PrintableTransform
from mmcl_ext.graphs.joint_map import joint_matrix
from mmcl_ext.graphs.layouts import load_layout
from mmcl_ext.registry import TRANSFORMS


@TRANSFORMS.register_module()
class InterpolateJoints(PrintableTransform):
    """Estimate the joints of another layout as weighted sums of the joints at hand.

    Lets a network that knows one sensor's joints read another's, as in the zero-shot
    experiments of MMCL (Liu et al., ACM MM 2024, Section 3.5). Stands before the origin
    is moved to a joint. Weights of a row sum to 1; absent (all-zero) bodies stay zero.

    Required keys: ``layout``. Modified keys: ``keypoint`` (M, T, V, C), ``layout``;
    ``keypoint_score`` (M, T, V) where present: a joint is as sure as the least sure
    joint it is made from.

    Args:
        target: Layout to make, see :func:`~mmcl_ext.graphs.layouts.load_layout`.
        variant: Which of the tables for this pair of layouts, see
            :func:`mmcl_ext.graphs.joint_map.joint_map_variants`; None takes the default.
        weights: The weights of source joints for joints of the target, all by name, in
            place of a table.
    """

    def __init__(
        self,
        target: str | Mapping[str, Any] = 'nturgb+d',
        variant: str | None = None,
        weights: Mapping[str, Mapping[str, float]] | None = None,
    ) -> None:
        self.target = load_layout(target)
        self.variant = variant
        self.weights = weights
        self._matrices: dict[str, tuple[np.ndarray, np.ndarray]] = {}

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Replace the joints."""
        matrix, per_frame = self._matrix(results['layout'], results['keypoint'].shape[-1])
        keypoint = results['keypoint']
        M, T, V, C = keypoint.shape
        if matrix.shape[1] != V:
            raise ValueError(
                f'layout {results["layout"]!r} has {matrix.shape[1]} joints, the skeleton {V}'
            )
        results['keypoint'] = (keypoint.reshape(M * T, V * C) @ per_frame).reshape(M, T, -1, C)
        if 'keypoint_score' in results:
            spread = np.where(matrix != 0, results['keypoint_score'][..., None, :], np.inf)
            results['keypoint_score'] = spread.min(axis=-1).astype(np.float32)
        results['layout'] = self.target
        return results

    def _matrix(self, layout: str, num_channels: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the matrix (V', V) and what it does to a whole frame, (V C, V' C)."""
        key = f'{layout} {num_channels}'
        if key not in self._matrices:
            matrix = joint_matrix(layout, self.target, self.variant, self.weights)
            # One product of large matrices is faster than one small product per frame.
            per_frame = np.kron(matrix.T, np.eye(num_channels)).astype(np.float32)
            self._matrices[key] = matrix, per_frame
        return self._matrices[key]
