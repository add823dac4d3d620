"""The four streams of a sequence as maps of joints over time."""

from typing import TYPE_CHECKING

import numpy as np

from mmcl_ext.datasets.transforms import SkeletonStream
from mmcl_ext.graphs.layouts import get_layout

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STREAMS = ('joint', 'bone', 'joint_motion', 'bone_motion')


def stream_lengths(keypoint: np.ndarray, layout: str) -> dict[str, np.ndarray]:
    """Return for each of the four streams of (M, T, V, C) the lengths (V, T) of person 0's vectors.

    The coordinates are around an origin on the body.
    """
    lengths = {}
    for stream in STREAMS:
        results = SkeletonStream(stream)(dict(keypoint=keypoint, layout=layout))
        lengths[stream] = np.linalg.norm(results['keypoint'][0], axis=-1).T
    return lengths


def draw_stream(
    axes: 'Axes', lengths: np.ndarray, layout: str, title: str = '', *, named: bool = True
) -> None:
    """Draw lengths (V, T): a row per joint, a column per frame, darker where vectors are longer.

    Raises:
        ValueError: The lengths do not fit the layout.
    """
    names = get_layout(layout).joint_names
    if lengths.ndim != 2 or len(lengths) != len(names):
        raise ValueError(f'expected ({len(names)}, T) for layout {layout!r}, got {lengths.shape}')
    axes.imshow(lengths, aspect='auto', cmap='magma_r', vmin=0, interpolation='nearest')
    axes.set_title(f'{title} (up to {np.nanmax(lengths):.3g})', fontsize=9, loc='left')
    axes.set_yticks(range(len(names)) if named else [], names if named else [], fontsize=5.5)
    axes.tick_params(axis='x', labelsize=6)
