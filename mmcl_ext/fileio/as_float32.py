"""Numbers of files in single precision."""

from typing import Any

import numpy as np

MOST_NUMBERS = 2**26
"""Nested lists of a pickle may share their parts: a few bytes stand for more than memory holds."""


def as_float32(values: Any) -> np.ndarray:
    """Copy numbers to float32; those that are too large become infinite.

    A ValueError if they are complex, text, no array at all, or lists of more than ``MOST_NUMBERS``;
    a TypeError as numpy's.
    """
    if isinstance(values, list | tuple) and _count(values, {}) > MOST_NUMBERS:
        raise ValueError(f'nested lists of more than {MOST_NUMBERS} numbers')
    is_array = isinstance(values, np.ndarray | list | tuple)
    kind = np.asarray(values).dtype if is_array else np.dtype(float)
    if kind.kind not in 'fiub' and (isinstance(values, np.ndarray) or kind.kind != 'O'):
        raise ValueError(f'expected numbers, got {kind}')
    with np.errstate(over='ignore', invalid='ignore'):  # signalling NaN
        return np.array(values, np.float32)


def _count(values: Any, known: dict[int, int]) -> int:
    """Count numbers and lists; each list is visited once, however often it occurs."""
    if isinstance(values, np.ndarray):
        return values.size
    if not isinstance(values, list | tuple):
        return 1
    if id(values) not in known:
        known[id(values)] = 1  # a list may hold itself
        known[id(values)] = 1 + sum(_count(value, known) for value in values)
    return known[id(values)]
