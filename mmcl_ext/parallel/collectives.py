"""Collectives, with gradient and for objects, which do nothing in a single process."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
from mmengine.dist import broadcast_object_list, get_rank, get_world_size
from mmengine.model import is_model_wrapper
from torch import Tensor, nn
from torch import distributed as torch_dist
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from mmcl_ext.fileio.printable import counted


def gather_sizes(size: int, device: torch.device | str = 'cpu') -> tuple[int, ...]:
    """Tell every process how many rows the processes 0, 1, ... W-1 hold, this one ``size``.

    The backend communicates on ``device``.
    """
    if get_world_size() == 1:
        return (size,)
    sizes = torch.zeros(get_world_size(), dtype=torch.int64, device=device)
    sizes[get_rank()] = size
    torch_dist.all_reduce(sizes)
    return tuple(int(each) for each in sizes)


def all_gather(x: Tensor, sizes: Sequence[int] | None = None) -> Tensor:
    """Concatenate the rows of all processes in rank order, with exact gradient.

    ``mmengine.dist.all_gather`` detaches what it gathers, and keeping the own slice of the gradient
    alone scales it by 1 / W under DDP. Here the backward pass sums the gradients of all processes,
    the exact adjoint: with W processes whose losses are averaged (as DDP averages their gradients),
    every parameter receives the gradient that one process would compute on the concatenated batch.
    ``x`` is (N_r, ...), with trailing shape and type the same everywhere; ``sizes`` are the N_0 ...
    N_{W-1}, where :func:`gather_sizes` has been called already. Gives (N_0 + ... + N_{W-1}, ...);
    in one process the argument itself. A ValueError if ``sizes`` does not describe ``x`` and the
    process group.
    """
    if get_world_size() == 1:
        return x
    sizes = gather_sizes(len(x), x.device) if sizes is None else tuple(sizes)
    if len(sizes) != get_world_size() or sizes[get_rank()] != len(x):
        raise ValueError(
            f'sizes {sizes} do not fit {counted(get_world_size(), "process", "processes")} with '
            f'{counted(len(x), "row")} in rank {get_rank()}'
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
        start = sum(ctx.sizes[: get_rank()])
        return total[start : start + ctx.sizes[get_rank()]], None


_T = TypeVar('_T')


def from_main_process(compute: Callable[[], _T]) -> _T:
    """Compute in the main process; every process gets the result, or the ValueError or OSError."""
    box: list[Any] = [None, None]
    if get_rank() == 0:
        try:
            box[0] = compute()
        except (ValueError, OSError) as error:
            box[1] = error
    broadcast_object_list(box)
    if box[1] is not None:
        raise box[1]
    value: _T = box[0]
    return value


def unwrap_model(model: nn.Module) -> Any:
    """Return the model that a wrapper such as ``MMDistributedDataParallel`` holds, or the model."""
    return model.module if is_model_wrapper(model) else model
