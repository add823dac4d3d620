"""Products of one matrix with many samples, by the library that is fastest on this processor."""

from functools import cache

import torch
from torch import Tensor

from mmcl_ext.config.processor import has_slow_mkl

_SMALLEST = 2_000_000
"""Multiplications of a sample from which oneDNN is faster; it costs some 12 us a call."""


def multiply(matrix: Tensor, samples: Tensor, out: Tensor | None = None) -> Tensor:
    """Multiply a matrix (M, K) and each sample of (N, K, L): (N, M, L), without a graph."""
    if _goes_to_onednn(samples, len(matrix)):
        out = samples.new_empty(len(samples), len(matrix), samples.shape[2]) if out is None else out
        for sample, result in zip(samples, out, strict=True):
            result.copy_(_linear(matrix, sample.t()))
        return out
    # A matrix that is transposed would be copied for every sample.
    expanded = matrix.contiguous().expand(len(samples), -1, -1)
    return torch.bmm(expanded, samples) if out is None else torch.bmm(expanded, samples, out=out)


def sum_of_products(first: Tensor, second: Tensor, dtype: torch.dtype | None = None) -> Tensor:
    """Sum the products (M, L) by (L, K) of N pairs (N, M, L) and (N, K, L): (M, K)."""
    if not (_goes_to_onednn(first, second.shape[1]) and second[0].is_contiguous()):
        return torch.bmm(first, second.transpose(1, 2)).sum(0, dtype=dtype)
    total = _linear(first[0], second[0])
    for a, b in zip(first[1:], second[1:], strict=True):
        total += _linear(a, b)
    return total


def _goes_to_onednn(x: Tensor, rows: int) -> bool:
    """Whether to multiply dense samples (N, K, L) with that many rows there."""
    fits = x.dtype == torch.float32 and x.device.type == 'cpu' and x[0].is_contiguous()
    return fits and x[0].numel() * rows >= _SMALLEST and _onednn_is_faster()


@cache
def _onednn_is_faster() -> bool:
    """Decided by the kind of processor, not by a measurement: runs have to repeat to the bit."""
    known = hasattr(torch.ops.mkldnn, '_linear_pointwise')  # what torch.compile uses
    return known and torch.backends.mkldnn.is_available() and has_slow_mkl()


def _linear(x: Tensor, weight: Tensor) -> Tensor:
    """Multiply (M, K) by the transpose of (L, K): (M, L)."""
    y: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, None, 'none', [], '')
    return y
