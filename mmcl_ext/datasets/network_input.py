"""What of a packed sample enters the network."""

from collections.abc import Mapping
from typing import Any

import numpy as np


def network_input(packed: Mapping[str, Any]) -> np.ndarray:
    """Return the clips (num_clips, M, T, V, C) of a packed sample, or its heat maps: float32."""
    inputs = packed['inputs']
    if isinstance(inputs, dict):
        inputs = inputs['keypoint'] if 'keypoint' in inputs else next(iter(inputs.values()))
    return np.asarray(inputs, np.float32)
