"""Random rotation of a whole clip."""

from typing import Any

import numpy as np
import torch

from mmcl_ext.datasets.transforms.geometry import require_xyz, rotation_matrix
from mmcl_ext.datasets.transforms.printable_transform import PrintableTransform
from mmcl_ext.registry import TRANSFORMS


@TRANSFORMS.register_module()
class RandomRotation(PrintableTransform):
    """Rotate all persons and frames by one random rotation about the origin.

    The three angles are uniform in [-theta, theta), drawn from torch's generator;
    the rotation is Rz Ry Rx (CTR-GCN, Chen et al., ICCV 2021). Zeros stay zero.

    Modified keys: ``keypoint`` (M, T, V, 3).

    Args:
        theta: Largest angle, in radians.
    """

    def __init__(self, theta: float = 0.3) -> None:
        if theta < 0:
            raise ValueError(f'theta must not be negative, got {theta}')
        self.theta = theta

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Rotate the coordinates."""
        keypoint = results['keypoint']
        require_xyz(keypoint, type(self).__name__)
        angles = torch.empty(3).uniform_(-self.theta, self.theta).tolist()
        rotation = rotation_matrix(angles).astype(np.float32)
        results['keypoint'] = (keypoint.reshape(-1, 3) @ rotation.T).reshape(keypoint.shape)
        return results
