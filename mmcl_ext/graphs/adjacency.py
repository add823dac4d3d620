"""Adjacency of a skeleton as pure functions of numpy.

Every array is *row-receives*: ``A[u, v]`` is the weight with which joint ``u``
receives from joint ``v``, so a graph convolution computes ``y[u] = sum_v A[u, v] x[v]``.
Joints are counted from 0, V in number; ``edges`` are pairs (child, parent) unless said otherwise.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from scipy.sparse.csgraph import shortest_path

Edges = Sequence[tuple[int, int]]


def edge_matrix(num_joints: int, edges: Edges) -> np.ndarray:
    """Turn edges (giver, receiver) into a matrix (V, V) with ``A[receiver, giver] = 1``."""
    A = np.zeros((num_joints, num_joints))
    for giver, receiver in edges:
        A[receiver, giver] = 1
    return A


def normalize_columns(A: np.ndarray) -> np.ndarray:
    """Divide each column of A (..., V, V) by its sum; columns of zeros stay zero."""
    total = A.sum(axis=-2, keepdims=True)
    return np.divide(A, total, out=np.zeros_like(A), where=total > 0)


def normalize_rows(A: np.ndarray) -> np.ndarray:
    """Divide each row of A (..., V, V) by its sum; rows of zeros stay zero."""
    total = A.sum(axis=-1, keepdims=True)
    return np.divide(A, total, out=np.zeros_like(A), where=total > 0)


def hop_distance(num_joints: int, edges: Edges, max_hop: int | None = None) -> np.ndarray:
    """Count the edges between every two joints (V, V); ``inf`` beyond ``max_hop`` edges."""
    distance = shortest_path(edge_matrix(num_joints, edges), directed=False, unweighted=True)
    return distance if max_hop is None else np.where(distance > max_hop, np.inf, distance)


def spatial(num_joints: int, edges: Edges) -> np.ndarray:
    """Partition into self, children and parent as CTR-GCN feeds it to its row-receiving network.

    The columns are normalised: a parent receives the plain sum of its children,
    and a child receives its parent divided by the number of that parent's children.
    CTR-GCN (Chen et al., ICCV 2021), Section 3.3, and its released graph. The subsets (3, V, V)
    are the identity, from children to parent, from parent to children.
    """
    inward = edge_matrix(num_joints, edges)
    outward = inward.T
    return np.stack([np.eye(num_joints), normalize_columns(inward), normalize_columns(outward)])


def mmaction_spatial(num_joints: int, edges: Edges) -> np.ndarray:
    """Partition ``spatial`` as MMAction2's column-receiving networks apply it.

    Same edges, but the rows are normalised (a parent receives the *mean* of its children, a child
    its whole parent). The subsets (3, V, V) are the identity, from parent to children, from
    children to parent. MMAction2's array is the transpose.
    """
    inward = edge_matrix(num_joints, edges)
    outward = inward.T
    return np.stack([np.eye(num_joints), normalize_rows(outward), normalize_rows(inward)])


def stgcn_spatial(num_joints: int, edges: Edges, center: int, max_hop: int = 1) -> np.ndarray:
    """Partition by distance from the centre, (1 + 2 * max_hop, V, V), as in ST-GCN and MMAction2.

    The matrix of all joints within ``max_hop`` is row-normalised as a whole and
    then split: the joint itself; per hop, givers at least as far from the centre
    as the receiver; givers nearer to the centre. As in MMAction2 a distance from
    the centre beyond ``max_hop`` counts as infinite, hence as equal to any other such.
    ST-GCN (Yan et al., AAAI 2018), Section 3.3, spatial configuration.
    """
    hops = hop_distance(num_joints, edges, max_hop)
    weights = normalize_rows((hops <= max_hop).astype(float))
    giver, receiver = hops[None, :, center], hops[:, None, center]
    subsets = [weights * (hops == 0)]
    for hop in range(1, max_hop + 1):
        subsets.append(weights * (hops == hop) * (giver >= receiver))
        subsets.append(weights * (hops == hop) * (giver < receiver))
    return np.stack(subsets)


def binary_adj(num_joints: int, edges: Edges) -> np.ndarray:
    """Give 1 to every pair of neighbours, both ways, without self-loops: (1, V, V)."""
    inward = edge_matrix(num_joints, edges)
    return np.maximum(inward, inward.T)[None]


def hierarchical(num_joints: int, groups: Sequence[Sequence[int]]) -> np.ndarray:
    """Join each of L + 1 disjoint groups of joints, from the centre outwards, fully with the next.

    Forward and reverse subsets are column-normalised, so every entry of forward
    is 1 / size of the outer group and every entry of reverse 1 / size of the inner one.
    HD-GCN (Lee et al., ICCV 2023), Section 3.1, hierarchically decomposed graph. The array is
    (L, 3, V, V): identity on the joints of both groups, forward (the inner group gives), reverse.
    """
    return np.stack([_level(num_joints, inner, outer) for inner, outer in pairwise(groups)])


def _level(num_joints: int, inner: Sequence[int], outer: Sequence[int]) -> np.ndarray:
    identity = np.zeros((num_joints, num_joints))
    members = [*inner, *outer]
    identity[members, members] = 1
    forward = edge_matrix(num_joints, [(giver, to) for giver in inner for to in outer])
    return np.stack([identity, normalize_columns(forward), normalize_columns(forward.T)])


def hop_groups(num_joints: int, edges: Edges, center: int) -> tuple[tuple[int, ...], ...]:
    """Group the joints of a connected skeleton by their distance from ``center``, ascending."""
    hops = hop_distance(num_joints, edges)[center]
    return tuple(tuple(np.flatnonzero(hops == hop).tolist()) for hop in range(int(hops.max()) + 1))
