"""Numbers of files in single precision."""

from typing import Any

import numpy as np


def as_float32(values: Any) -> np.ndarray:
    """Copy numbers to float32; those that are too large become infinite.

    Raises:
        ValueError: They are complex, text, or no array at all; TypeError as numpy's.
    """
    if isinstance(values, np.ndarray) and values.dtype.kind not in 'fiub':
        raise ValueError(f'expected numbers, got {values.dtype}')
    with np.errstate(over='ignore'):
        return np.array(values, np.float32)
