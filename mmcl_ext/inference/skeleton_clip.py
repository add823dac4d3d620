from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class SkeletonClip:
    """One sequence of skeletons, as it comes from a file or a sensor.

    Attributes:
        name: What to call it.
        keypoint: (M, T, V, C) float32; absent bodies and joints are zero.
        layout: Name of the layout of the V joints; None takes the model's.
        keypoint_score: (M, T, V) float32 confidences, or None.
        label: The true class counted from 0, or None.
        index: Place in its split; seeds a pipeline that draws, as a test of the split does.
        extra: What else transforms may ask for, such as ``img_shape``.
    """

    name: str
    keypoint: np.ndarray
    layout: str | None = None
    keypoint_score: np.ndarray | None = None
    label: int | None = None
    index: int = 0
    extra: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_array(
        cls, array: np.ndarray, name: str = 'array', layout: str | None = None, **kwargs: Any
    ) -> 'SkeletonClip':
        """Take an array (T, V, C) of one person or (M, T, V, C) of several.

        Raises:
            ValueError: It has another number of axes, or holds no numbers.
        """
        array = np.asarray(array)
        array = array[None] if array.ndim == 3 else array
        if array.ndim != 4 or array.dtype.kind not in 'fiu':
            raise ValueError(
                f'clip {name!r}: expected numbers (T, V, C) or (M, T, V, C), got {array.dtype} of '
                f'{array.shape}'
            )
        return cls(name, array.astype(np.float32), layout, **kwargs)
