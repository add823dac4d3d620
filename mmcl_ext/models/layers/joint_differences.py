"""Joints relative to other joints along the tree of bones."""

from collections.abc import Sequence

import numpy as np


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

    Raises:
        ValueError: If k is less than 1: the result would be zero for every skeleton.
    """
    if k < 1:
        raise ValueError(f'k must be at least 1, got {k}: k = 0 subtracts every joint from itself')
    parent = np.zeros((num_joints, num_joints), dtype=np.float32)
    for joint, before in _directed(edges, root):
        parent[joint, before] = 1
    if descendants:
        parent = parent.T
    return np.eye(num_joints, dtype=np.float32) - np.linalg.matrix_power(parent, k)


def _directed(edges: Sequence[tuple[int, int]], root: int) -> list[tuple[int, int]]:
    """Direct the bones of a tree: pairs of a joint and the one before it."""
    reached = [root]
    pairs: list[tuple[int, int]] = []
    for before in reached:  # grows while it is walked through
        for edge in edges:
            if before in edge:
                joint = edge[1] if edge[0] == before else edge[0]
                if joint not in reached:
                    reached.append(joint)
                    pairs.append((joint, before))
    return pairs
