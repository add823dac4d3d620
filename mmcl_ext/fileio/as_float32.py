"""Numbers of files in single precision."""

from typing import Any

import numpy as np


def as_float32(values: Any) -> np.ndarray:
    """Copy numbers to float32; those that are too large become infinite.

    Raises:
        ValueError: They are complex, text, or no array at all; TypeError as numpy's.
    """
    kind = np.asarray(values).dtype if isinstance(values, np.ndarray | list) else np.dtype(float)
    if kind.kind not in 'fiub' and (isinstance(values, np.ndarray) or kind.kind != 'O'):
        raise ValueError(f'expected numbers, got {kind}')
    with np.errstate(over='ignore'):
        return np.array(values, np.float32)
