from collections.abc import Mapping
from typing import Any

import numpy as np

from mmcl_ext.graphs.adjacency import hierarchical, hop_groups
from mmcl_ext.graphs.layout import Groups, Layout
from mmcl_ext.graphs.layouts import resolve_layout
from mmcl_ext.registry import GRAPHS

_FLATTEN = ('union', 'levels', None)


@GRAPHS.register_module()
class HDGraph:
    """Joints grouped outwards from a centre of mass, neighbouring groups fully joined.

    HD-GCN (Lee et al., ICCV 2023), Section 3.1. The L + 1 ``groups``, 1-based, come from the
    layout's own table where it has one (HD-GCN's, for the Kinect skeletons), else they are the
    joints at equal hop distance from the centre, counted from one as in the paper.

    ``A`` is float32, row-receives: the subsets identity, forward (away from the centre) and reverse
    of each of the L levels, (L, 3, V, V) with ``flatten=None``; their element-wise maximum over the
    levels, (3, V, V), with ``'union'``; level by level in a row, (3L, V, V), with ``'levels'``.
    """

    def __init__(
        self,
        layout: str | Layout | Mapping[str, Any],
        center: int = 1,
        flatten: str | None = 'union',
    ) -> None:
        if flatten not in _FLATTEN:
            raise ValueError(f'unknown flatten {flatten!r} of an HD-Graph; known are {_FLATTEN}')
        self.layout = resolve_layout(layout)
        self.center = center
        self.flatten = flatten
        self.groups = _groups(self.layout, center)
        groups = [[joint - 1 for joint in group] for group in self.groups]
        levels = hierarchical(self.num_joints, groups)
        self.A = _flatten(levels, flatten).astype(np.float32)

    @property
    def num_joints(self) -> int:
        """Number of joints, V."""
        return self.layout.num_joints

    @property
    def num_levels(self) -> int:
        """Number of pairs of neighbouring groups, L."""
        return len(self.groups) - 1

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(layout={self.layout.name!r}, center={self.center}, '
            f'flatten={self.flatten!r})'
        )


def _groups(layout: Layout, center: int) -> Groups:
    known = tuple(layout.hd_groups) or tuple(range(1, layout.num_joints + 1))
    if center not in known:
        raise ValueError(
            f'unknown centre of mass {center!r} of layout {layout.name!r}; known are {known}'
        )
    if layout.hd_groups:
        return layout.hd_groups[center]
    groups = hop_groups(layout.num_joints, layout.edges, center - 1)
    return tuple(tuple(joint + 1 for joint in group) for group in groups)


def _flatten(levels: np.ndarray, flatten: str | None) -> np.ndarray:
    if flatten is None:
        return levels
    if flatten == 'levels':
        return levels.reshape(-1, *levels.shape[2:])  # (L, 3, V, V) -> (3L, V, V)
    return levels.max(axis=0)  # (L, 3, V, V) -> (3, V, V)
