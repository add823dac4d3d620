"""Checks and look-ups at the entrance of a skeleton backbone."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmcl_ext.graphs import HDGraph
from mmcl_ext.registry import GRAPHS


def build_graph(graph: Any) -> Any:
    """Build a graph from its configuration; a built one, with an adjacency ``A``, stays."""
    if isinstance(graph, dict):
        return GRAPHS.build(graph)
    if not hasattr(graph, 'A'):
        raise TypeError(f'graph_cfg must be a dict or a graph with an adjacency, got {graph!r}')
    return graph


def adjacency_subsets(graph: Any, backbone: str) -> np.ndarray:
    """Return the adjacency (S, V, V) of a graph, float32, row-receives, for a ``backbone``."""
    adjacency = np.array(graph.A, dtype=np.float32)
    if adjacency.ndim != 3:
        raise ValueError(
            f'{backbone} takes an adjacency (S, V, V), {graph!r} has {adjacency.shape}; '
            "an HDGraph needs flatten='union' or flatten='levels'"
        )
    return adjacency


def initial_topology(adjacency: Tensor, topology: str, graph: Any) -> Tensor:
    """Choose the initial values of trained topologies (S, V, V): the adjacency or S identities.

    ``topology`` is ``'identity'``, ``'graph'``, or ``'auto'``: the identity, as published, on
    an anatomical skeleton, and the graph where it is an HD-Graph.
    """
    if topology not in ('identity', 'graph', 'auto'):
        raise ValueError(f"topology must be 'identity', 'graph' or 'auto', got {topology!r}")
    if topology == 'graph' or (topology == 'auto' and isinstance(graph, HDGraph)):
        return adjacency
    return torch.eye(adjacency.shape[-1]).expand_as(adjacency)


def check_skeleton(x: Tensor, num_person: int | None, num_joints: int, channels: int) -> None:
    """Raise a ValueError unless x is (N, M, T, V, C) as built; any M if ``num_person`` is None."""
    expected = (num_person, num_joints, channels)
    if x.ndim == 5:
        persons, _, joints, coordinates = x.shape[1:]
        given = (persons if num_person is not None else None, joints, coordinates)
        if given == expected:
            return
    axes = ('M' if num_person is None else str(num_person), 'T', str(num_joints), str(channels))
    raise ValueError(
        f'the backbone was built for skeletons (N, {", ".join(axes)}), '
        f'that is (N, M, T, V, C), and received {tuple(x.shape)}'
    )
