import numpy as np

from mmcl_ext.fileio.printable import counted

AXES = ('MTVC', 'CTVM')
"""Orders of the axes of skeletons: ours, and that of the feeders of ST-GCN and CTR-GCN."""


def skeleton_array(array: np.ndarray, axes: str | None = None) -> np.ndarray:
    """Bring the coordinates of a clip to (M, T, V, C), whoever reads them from wherever.

    Args:
        array: (T, V, C) of one person, or four axes.
        axes: Order of four axes, of ``AXES``. None takes them for ``'MTVC'``, and refuses a shape
            that is likely the other.

    Raises:
        ValueError: They are no numbers, of another shape or empty, or a joint has neither two nor
            three coordinates.
    """
    if axes not in (None, *AXES):
        raise ValueError(f'axes is one of {AXES}, got {axes!r}')
    if 0 in array.shape:
        raise ValueError(f'the array is empty, its shape is {array.shape}')
    if array.ndim not in (3, 4) or array.dtype.kind not in 'fiu':
        raise ValueError(
            f'expected numbers (T, V, C) or (M, T, V, C), got {array.dtype} of {array.shape}'
        )
    if array.ndim == 3:
        array = array[None]
    elif axes == 'CTVM':
        array = array.transpose(3, 1, 2, 0)
    elif axes is None and len(array) == 3 and array.shape[3] in (1, 2):
        persons = array.shape[3]
        raise ValueError(
            f'{array.shape} may be (M, T, V, C), 3 persons with {counted(persons, "coordinate")}, '
            f'or (C, T, V, M), {counted(persons, "person")} with 3: say which by axes (--axes MTVC '
            'or CTVM)'
        )
    if array.shape[3] not in (2, 3):
        raise ValueError(
            f'expected 2 or 3 coordinates, got {array.shape[3]}; confidences go into keypoint_score'
        )
    return array
