"""What the processes of a preparation tell one another."""

from collections.abc import Callable
from typing import Any, TypeVar

import torch.distributed

from mmcl_ext.parallel.collectives import rank, world_size

_T = TypeVar('_T')


def from_main_process(compute: Callable[[], _T]) -> _T:
    """Compute in the main process and give every process the result, or the error.

    Raises:
        ValueError: What ``compute`` raised, in every process.
        OSError: Likewise.
    """
    if world_size() == 1:
        return compute()
    box: list[Any] = [None, None]
    if rank() == 0:
        try:
            box[0] = compute()
        except (ValueError, OSError) as error:
            box[1] = error
    torch.distributed.broadcast_object_list(box)
    if box[1] is not None:
        raise box[1]
    value: _T = box[0]
    return value


def gather(value: _T) -> list[_T]:
    """Collect a value of every process, in the order of their ranks."""
    if world_size() == 1:
        return [value]
    values: list[Any] = [None] * world_size()
    torch.distributed.all_gather_object(values, value)
    return values
