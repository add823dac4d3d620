"""Run a function in two processes that share a gloo group."""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from torch import distributed, multiprocessing

WORLD_SIZE = 2
Worker = Callable[[int], Any]


def run_in_two_processes(worker: Worker, folder: Path) -> list[Any]:
    """Call ``worker(rank)`` in each process and collect what they return.

    The worker has to be a function at the top level of a module.
    """
    multiprocessing.spawn(_process, (worker, folder), nprocs=WORLD_SIZE)
    return [torch.load(folder / f'rank{rank}.pt') for rank in range(WORLD_SIZE)]


def _process(rank: int, worker: Worker, folder: Path) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group(
        'gloo',
        init_method=f'file://{folder}/rendezvous',
        rank=rank,
        world_size=WORLD_SIZE,
        timeout=timedelta(seconds=120),
    )
    torch.save(worker(rank), folder / f'rank{rank}.pt')
    distributed.barrier()
    distributed.destroy_process_group()
    # gloo's threads sometimes abort the interpreter's exit, after all work is done.
    os._exit(0)
