"""Skeleton backbones, (N, M, T, V, C) to (N, M, C', T', V), and one on heat maps."""
