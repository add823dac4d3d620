from collections.abc import Mapping
from typing import Any

import numpy as np

from mmcl_ext.graphs import adjacency
from mmcl_ext.graphs.layout import Layout
from mmcl_ext.graphs.layouts import resolve_layout
from mmcl_ext.registry import GRAPHS

_MODES = ('spatial', 'mmaction_spatial', 'stgcn_spatial', 'binary_adj', 'random')


@GRAPHS.register_module()
class SkeletonGraph:
    """Adjacency A of the anatomical skeleton, split into subsets.

    A is a float32 array (S, V, V), row-receives: ``y[u] = sum_v A[s, u, v] x[v]``. The ``mode`` is
    a partition of :mod:`mmcl_ext.graphs.adjacency`: 'spatial' (CTR-GCN's, S = 3),
    'mmaction_spatial' (what MMAction2 calls 'spatial', S = 3), 'stgcn_spatial' (S = 1 + 2 *
    max_hop) or 'binary_adj' (S = 1); only 'stgcn_spatial' spans more than one hop. With 'random'
    (DG-STGCN's start for adjacencies that are trained) no bone is in A: S is ``num_filter``, and
    NumPy's global generator draws every value from N(init_off, init_std^2).
    """

    def __init__(
        self,
        layout: str | Layout | Mapping[str, Any],
        mode: str = 'spatial',
        max_hop: int = 1,
        num_filter: int = 8,
        init_off: float = 0.04,
        init_std: float = 0.02,
    ) -> None:
        if mode not in _MODES:
            raise ValueError(f'unknown mode {mode!r} of a skeleton graph; known are {_MODES}')
        if max_hop < 1 or (max_hop > 1 and mode != 'stgcn_spatial'):
            raise ValueError(f'max_hop={max_hop} is not possible with mode {mode!r}')
        if num_filter < 1 or (num_filter != 8 and mode != 'random'):
            raise ValueError(f'num_filter={num_filter} is not possible with mode {mode!r}')
        self.layout = resolve_layout(layout)
        self.mode = mode
        self.max_hop = max_hop
        shape = (num_filter, self.num_joints, self.num_joints)
        random = mode == 'random'
        array = np.random.normal(init_off, init_std, shape) if random else self._partition()
        self.A = array.astype(np.float32)

    def _partition(self) -> np.ndarray:
        skeleton = (self.num_joints, self.layout.edges)
        if self.mode == 'stgcn_spatial':
            return adjacency.stgcn_spatial(*skeleton, self.layout.center, self.max_hop)
        if self.mode == 'spatial':
            return adjacency.spatial(*skeleton)
        if self.mode == 'mmaction_spatial':
            return adjacency.mmaction_spatial(*skeleton)
        return adjacency.binary_adj(*skeleton)

    @property
    def num_joints(self) -> int:
        """Number of joints, V."""
        return self.layout.num_joints

    def __repr__(self) -> str:
        return f'{type(self).__name__}(layout={self.layout.name!r}, mode={self.mode!r})'
