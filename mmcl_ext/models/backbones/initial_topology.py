"""Initial values of trained topologies."""

from typing import Any

import torch
from torch import Tensor

from mmcl_ext.graphs import HDGraph


def initial_topology(adjacency: Tensor, topology: str, graph: Any) -> Tensor:
    """Choose the initial values of trained topologies (S, V, V): the adjacency or S identities.

    ``topology`` is ``'identity'``, ``'graph'``, or ``'auto'``: the identity, as published, on
    an anatomical skeleton, and the graph where it is an HD-Graph.

    Raises:
        ValueError: If ``topology`` is another one.
    """
    if topology not in ('identity', 'graph', 'auto'):
        raise ValueError(f"topology must be 'identity', 'graph' or 'auto', got {topology!r}")
    if topology == 'graph' or (topology == 'auto' and isinstance(graph, HDGraph)):
        return adjacency
    return torch.eye(adjacency.shape[-1]).expand_as(adjacency)
