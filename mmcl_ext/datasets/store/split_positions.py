"""The one way to look up a split."""

import os
from collections.abc import Mapping

import numpy as np

from mmcl_ext.fileio.printable import bounded_repr


def split_positions(
    source: str | os.PathLike, splits: Mapping[str, np.ndarray], name: str
) -> np.ndarray:
    """Return the positions of the samples of a split.

    Args:
        source: What has the splits, for the message.
        splits: Positions by the name of the split.
        name: Name of the split.

    Raises:
        ValueError: There is no such split; names those that exist.
    """
    if name not in splits:
        known = bounded_repr(sorted(splits))
        raise ValueError(f'{source} has no split {bounded_repr(name)}; it has {known}')
    return splits[name]
