"""Joints whose coordinates are a mark for 'not seen', such as (-1, -1), in place of a position."""

from collections import Counter
from collections.abc import Mapping

import numpy as np

from mmcl_ext.datasets.validation.data_issue import DataIssue, collect


def count_sentinels(keypoint: np.ndarray) -> Counter[int]:
    """Count the joints of (M, T, V, C) whose C coordinates are the same negative whole number.

    A position is hardly ever that, but -1 or -999 in all coordinates is a common mark.
    """
    first = keypoint[..., 0]
    marked = (keypoint == first[..., None]).all(axis=-1) & (first <= -1) & np.isfinite(first)
    values = first[marked]
    return Counter(int(value) for value in values if value == np.floor(value))


def check_sentinels(counts: Mapping[str, Counter[int]]) -> list[DataIssue]:
    """List the samples of each mark that stands more than once, see :func:`count_sentinels`."""
    issues: list[DataIssue] = []
    for value, total in sorted(sum(counts.values(), Counter[int]()).items()):
        problem = f'joints that are {value} in all coordinates; absent ones should be zero'
        found = [f'{name} ({c[value]})' for name, c in counts.items() if c[value]]
        issues += collect('missing', problem, found * (total > 1))
    return issues
