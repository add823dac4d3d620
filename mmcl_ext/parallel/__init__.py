"""Processes: collectives with gradients, worker pools, progress over all processes."""
