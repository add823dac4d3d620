from collections.abc import Sequence

import numpy as np
from scipy.sparse.csgraph import breadth_first_order

from mmcl_ext.graphs.adjacency import edge_matrix


def joint_differences(
    edges: Sequence[tuple[int, int]],
    num_joints: int,
    k: int,
    *,
    root: int,
    descendants: bool = False,
) -> np.ndarray:
    """Return the matrix I - P^k (V, V), float32, P being the bones directed away from a root.

    Source: the modality representation of InfoGCN (Chi et al., CVPR 2022, Eq. 14).
    Applied to joints (V, C), it subtracts from each its k-th ancestor; joints less
    than k bones away from the root stay as they are. k = 1 gives all bones; from the
    depth of the tree on, the joints themselves. With ``descendants`` the sum of the k-th
    descendants is subtracted, as in the published configuration for NW-UCLA. The edges are the
    bones of a tree in any direction; joints are counted from 0.
    """
    if k < 1:
        raise ValueError(f'k must be at least 1, got {k}: k = 0 subtracts every joint from itself')
    joints, before = breadth_first_order(edge_matrix(num_joints, edges), root, directed=False)
    parent = np.zeros((num_joints, num_joints), dtype=np.float32)
    parent[joints[1:], before[joints[1:]]] = 1
    if descendants:
        parent = parent.T
    return np.eye(num_joints, dtype=np.float32) - np.linalg.matrix_power(parent, k)
