"""Accuracy without what is true by itself."""

from collections.abc import Sequence

import numpy as np
from mmaction.evaluation import AccMetric as _AccMetric

from mmcl_ext.registry import METRICS


@METRICS.register_module()
class AccMetric(_AccMetric):
    """MMAction2's metric; top-k is left out where there are k classes or fewer.

    It would be 100 % whatever the network does.
    """

    def calculate(
        self, preds: Sequence[np.ndarray], labels: Sequence[int | np.ndarray]
    ) -> dict[str, float]:
        """Compare scores (K,) of each sample with its label."""
        found = super().calculate(preds, labels)
        return {key: share for key, share in found.items() if not _is_trivial(key, len(preds[0]))}


def _is_trivial(key: str, num_classes: int) -> bool:
    k = key.removeprefix('top')
    return k.isdecimal() and 1 < int(k) >= num_classes
