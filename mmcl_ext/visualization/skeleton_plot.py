"""Skeletons as stick figures on matplotlib axes."""

from typing import TYPE_CHECKING, Any

import numpy as np

from mmcl_ext.graphs.layouts import resolve_layout

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIDE_COLOURS = {'left': '#c44e52', 'right': '#4c72b0', 'middle': '#333333'}
"""Colours of the bones of the left side, the right side and between."""


def bone_sides(layout: Any) -> list[str]:
    """Tell of every bone on which side its child is: ``'left'``, ``'right'`` or ``'middle'``."""
    layout = resolve_layout(layout)
    left = {joint for joint, _ in layout.pairs}
    right = {joint for _, joint in layout.pairs}
    return [
        'left' if child in left else 'right' if child in right else 'middle'
        for child, _ in layout.edges
    ]


def draw_skeleton(
    axes: 'Axes',
    joints: np.ndarray,
    layout: Any,
    *,
    vertical: int = 1,
    upwards: bool = True,
    width: float = 2.0,
) -> None:
    """Draw the bones of one body (V, C), seen from the front; the first coordinate is to the side.

    The one with the index ``vertical`` grows ``upwards``, as in metres, or downwards. Bones with a
    joint that is not finite, or exactly zero, are left out. The line ``width`` is in points.
    """
    layout = resolve_layout(layout)
    if joints.ndim != 2 or len(joints) != layout.num_joints:
        raise ValueError(
            f'expected joints ({layout.num_joints}, C) of layout {layout.name!r}, got '
            f'{joints.shape}'
        )
    x, y = joints[:, 0], joints[:, vertical] * (1.0 if upwards else -1.0)
    seen = np.isfinite(joints).all(axis=1) & joints.any(axis=1)
    for (child, parent), side in zip(layout.edges, bone_sides(layout), strict=True):
        if seen[child] and seen[parent]:
            ends = [child, parent]
            colour = SIDE_COLOURS[side]
            axes.plot(x[ends], y[ends], color=colour, lw=width, solid_capstyle='round')
    axes.plot(x[seen], y[seen], 'o', color='#222222', ms=1.2 * width, mew=0)


def draw_sequence(
    axes: 'Axes',
    keypoint: np.ndarray,
    layout: Any,
    *,
    num_frames: int = 5,
    spacing: float | None = None,
    **style: Any,
) -> np.ndarray:
    """Draw frames of a sequence side by side, the centre joint of the first person in the middle.

    The coordinates are (T, V, C) or, of several persons, (M, T, V, C); the ``num_frames`` frames
    are spread uniformly, and their numbers returned. ``spacing`` is their distance in units of the
    coordinates, None for one that fits, ``style`` goes to :func:`draw_skeleton`. The frame and
    ticks of the axes are taken away.
    """
    keypoint = keypoint[None] if keypoint.ndim == 3 else keypoint
    if keypoint.ndim != 4 or 0 in keypoint.shape or num_frames < 1:
        raise ValueError(f'cannot draw {num_frames} frames of keypoints {keypoint.shape}')
    layout = resolve_layout(layout)
    frames = (2 * np.arange(num_frames) + 1) * keypoint.shape[1] // (2 * num_frames)
    shown = keypoint[:, frames].astype(np.float64)  # (M, F, V, C)
    shown[~shown.any(axis=-1)] = np.nan
    shown[..., 0] -= shown[0, :, layout.center, 0][:, None]  # (M, F, V) - (F, 1)
    spacing = 2.1 * float(np.nanmax(np.abs(shown[..., 0]))) if spacing is None else spacing
    shown[..., 0] += spacing * np.arange(num_frames)[:, None]
    for joints in shown.reshape(-1, *shown.shape[2:]):
        draw_skeleton(axes, joints, layout, **style)
    axes.set_aspect('equal')
    axes.axis('off')
    return frames
