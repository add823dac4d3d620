"""Widths that a module takes from its neighbours."""

import os

from mmcl_ext.datasets.store.feature_file import FeatureFile


def feature_width(value: int | str | os.PathLike, name: str) -> int:
    """Turn a width, or the path of a feature file, given for an argument ``name``, into a width.

    Raises:
        FileNotFoundError: There is no such file.
        TypeError: The value is neither a number nor a path.
        ValueError: The number is not positive.
    """
    if isinstance(value, (str, os.PathLike)):
        return FeatureFile(value).width
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f'{name} is {value!r}, expected a number or a feature file')
    if value < 1:
        raise ValueError(f'{name} is {value}, expected a positive number')
    return value
