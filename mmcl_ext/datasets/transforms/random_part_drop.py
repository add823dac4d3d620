"""Random loss of parts of the body."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from mmcl_ext.datasets.transforms.printable_transform import PrintableTransform
from mmcl_ext.graphs.body_parts import body_parts
from mmcl_ext.registry import TRANSFORMS

_LIMBS = ('left_arm', 'right_arm', 'left_leg', 'right_leg')


@TRANSFORMS.register_module()
class RandomPartDrop(PrintableTransform):
    """Set parts of the body to zero for a whole clip, as if something stood before them.

    Each part of each person is lost independently of the others.

    Required keys: ``layout``. Modified keys: ``keypoint`` (M, T, V, C).

    Args:
        prob: Probability of a part to be lost, in [0, 1).
        parts: Parts that may be lost: names from
            :func:`mmcl_ext.graphs.body_parts.body_parts`, or groups of joints (0-based),
            which a layout without such names needs.
    """

    def __init__(self, prob: float = 0.1, parts: Sequence[str | Sequence[int]] = _LIMBS) -> None:
        if not 0 <= prob < 1:
            raise ValueError(f'prob must lie in [0, 1), got {prob}')
        if not parts:
            raise ValueError(f'parts must not be empty, got {parts}')
        self.prob = prob
        self.parts = tuple(parts)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Zero the lost parts."""
        keypoint = results['keypoint'].copy()
        lost = np.random.rand(len(keypoint), len(self.parts)) < self.prob
        for person, part in np.argwhere(lost):
            joints = self._joints(self.parts[part], results['layout'], keypoint.shape[2])
            keypoint[person, :, joints] = 0
        results['keypoint'] = keypoint
        return results

    @staticmethod
    def _joints(part: str | Sequence[int], layout: str, num_joints: int) -> list[int]:
        if isinstance(part, str):
            parts = body_parts(layout)
            if part not in parts:
                raise ValueError(f'layout {layout!r} has no part {part!r}; it has {list(parts)}')
            return list(parts[part])
        if not all(0 <= joint < num_joints for joint in part):
            raise ValueError(f'part {tuple(part)} names joints outside the {num_joints} joints')
        return list(part)
