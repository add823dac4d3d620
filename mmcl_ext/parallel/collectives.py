"""Collectives that carry a gradient, and do nothing in a single process.

``mmengine.dist.all_gather`` detaches what it gathers. Keeping only the own
slice of the gradient, as many projects do, scales it by ``1 / W`` under
:class:`~torch.nn.parallel.DistributedDataParallel`. Here the backward pass sums
the gradients of every process, which is the exact adjoint of gathering.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch import distributed as torch_dist
from torch.autograd import Function
from torch.autograd.function import once_differentiable


def world_size() -> int:
    """Number of processes W; 1 without a process group."""
    return torch_dist.get_world_size() if _initialized() else 1


def rank() -> int:
    """Index of this process; 0 without a process group."""
    return torch_dist.get_rank() if _initialized() else 0


def gather_sizes(size: int, device: torch.device | str = 'cpu') -> tuple[int, ...]:
    """Tell every process how many rows the others hold.

    Args:
        size: Rows of this process.
        device: Device that the backend communicates on.

    Returns:
        Rows of process 0, 1, ... W-1.
    """
    if world_size() == 1:
        return (size,)
    sizes = torch.zeros(world_size(), dtype=torch.int64, device=device)
    sizes[rank()] = size
    torch_dist.all_reduce(sizes)
    return tuple(int(each) for each in sizes)


def all_gather(x: Tensor, sizes: Sequence[int] | None = None) -> Tensor:
    """Concatenate the rows of all processes in rank order, with exact gradient.

    With W processes whose loss functions are averaged (as DDP averages their
    gradients), every parameter receives the gradient that one process would
    compute on the concatenated batch. Processes may hold different numbers of
    rows. In one process the argument itself is returned.

    Args:
        x: Rows of this process, shape (N_r, ...). The trailing shape and the
            data type have to be the same everywhere.
        sizes: The numbers of rows N_0 ... N_{W-1}, when :func:`gather_sizes`
            has been called already.

    Returns:
        Tensor of shape (N_0 + ... + N_{W-1}, ...).

    Raises:
        ValueError: ``sizes`` does not describe ``x`` and the process group.
    """
    if world_size() == 1:
        return x
    sizes = gather_sizes(len(x), x.device) if sizes is None else tuple(sizes)
    if len(sizes) != world_size() or sizes[rank()] != len(x):
        raise ValueError(
            f'sizes {sizes} do not fit {world_size()} processes with {len(x)} rows in rank {rank()}'
        )
    gathered: Tensor = _AllGather.apply(x, sizes)
    return gathered


class _AllGather(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, sizes: tuple[int, ...]) -> Tensor:
        ctx.sizes = sizes
        # Backends gather equal shapes only, hence the padding to the longest.
        padded = x.new_zeros((max(sizes), *x.shape[1:]))
        padded[: len(x)] = x
        parts = [torch.empty_like(padded) for _ in sizes]
        torch_dist.all_gather(parts, padded)
        return torch.cat([part[:size] for part, size in zip(parts, sizes, strict=True)])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        # gloo has no reduce-scatter, so the sum is taken everywhere and sliced.
        total = grad.clone(memory_format=torch.contiguous_format)
        torch_dist.all_reduce(total)
        start = sum(ctx.sizes[: rank()])
        return total[start : start + ctx.sizes[rank()]], None


def _initialized() -> bool:
    return torch_dist.is_available() and torch_dist.is_initialized()
