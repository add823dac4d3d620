"""Work on many samples in parts, over processes, that an interruption does not undo."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import torch.distributed
from mmengine.dist import get_rank, get_world_size
from safetensors import safe_open
from safetensors.numpy import save

from mmcl_ext.fileio.atomic_file import sweep, write_bytes
from mmcl_ext.fileio.lock import locked
from mmcl_ext.parallel.progress import Progress
from mmcl_ext.parallel.worker_pool import run_parallel

_PATIENCE = 2.0  # seconds; the workers of a killed run still hold its lock for a moment


@dataclass
class Part:
    """What came out of the samples of a part, by sample name.

    ``arrays`` are each sample's by output, ``notes`` what else to keep of it, as JSON types;
    ``skipped`` has the reasons for the other samples.
    """

    arrays: dict[str, Mapping[str, np.ndarray]] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)


class StoredPart:
    """A part that was written; its arrays are read when asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with safe_open(path, 'numpy') as file:
            metadata = file.metadata() or {}
        self.key = metadata.get('key')
        content = json.loads(metadata.get('content', '{}'))
        self.names: list[str] = content.get('names', [])
        self.notes: dict[str, Any] = content.get('notes', {})
        self.skipped: dict[str, str] = content.get('skipped', {})

    def arrays(self, output: str) -> dict[str, np.ndarray]:
        """Read an output of the samples that have it, by sample name."""
        with safe_open(self.path, 'numpy') as file:
            stored = set(file.keys())
            keys = ((name, f'{row}.{output}') for row, name in enumerate(self.names))
            return {name: file.get_tensor(key) for name, key in keys if key in stored}


class ResumableParts:
    """The files of the parts of a piece of work.

    A part is a fixed range of the sample names. Each finished one is a file that carries the hash
    of all that it depends on (its key). A run does the parts that are lacking; a killed run is
    continued by the same call. The parts, ``size`` samples each, lie in ``folder`` until they are
    merged into ``target``, which one run at a time may make.
    """

    def __init__(self, target: Path, folder: Path, names: Sequence[str], size: int) -> None:
        self.target, self.folder = target, folder
        self.parts = tuple(tuple(names[i : i + size]) for i in range(0, len(names), size))

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Keep other runs out, and remove what killed ones have left half-written.

        A BlockingIOError if another run makes the same.
        """
        with locked(self.folder, _PATIENCE):
            for path in (self.target, *(self.path(i) for i in range(len(self.parts)))):
                sweep(path)
            try:
                yield
            finally:
                with suppress(OSError):  # removed, or there are parts for another run
                    (self.folder / 'lock').unlink()
                    self.folder.rmdir()

    def path(self, index: int) -> Path:
        """Path of a part."""
        return self.folder / f'{index:06d}.safetensors'

    def read(self, index: int) -> StoredPart:
        """Open a finished part."""
        return StoredPart(self.path(index))

    def read_all(self) -> Iterator[StoredPart]:
        """Open the parts one after the other."""
        return map(self.read, range(len(self.parts)))

    def todo(self, is_done: Callable[[int, StoredPart], bool]) -> list[int]:
        """List the parts to do; one that is there and not done as wanted is removed."""
        todo = []
        for index in range(len(self.parts)):
            if self.path(index).exists() and is_done(index, self.read(index)):
                continue
            self.path(index).unlink(missing_ok=True)
            todo.append(index)
        return todo

    def count(self, indices: Iterable[int]) -> int:
        """Count the samples of those of some parts that are finished."""
        found = set(os.listdir(self.folder)) if self.folder.exists() else set()
        return sum(len(self.parts[i]) for i in indices if self.path(i).name in found)

    def run(
        self,
        todo: Sequence[int],
        compute: Callable[[int], Part],
        key: Callable[[int], str],
        *,
        jobs: int = 1,
        progress: bool = True,
        stream: TextIO | None = None,
        shared: bool = True,
    ) -> None:
        """Do parts on all processes of the group: process r of W takes every W-th of them.

        Without ``shared`` the calling process does them all, and waits for no other. ``compute``
        makes the part of a number, ``key`` hashes all that it depends on; both are picklable where
        each process of the group has several ``jobs`` (worker processes). A ChildProcessError if a
        worker process was killed, for its use of memory perhaps.
        """
        total = sum(len(self.parts[index]) for index in todo)
        shown = progress and get_rank() == 0
        bar = Progress(total, lambda: self.count(todo), shown, stream)
        mine = todo[get_rank() :: get_world_size()] if shared else todo
        try:
            for _ in run_parallel(partial(_work, self, compute, key), mine, jobs, chunk=1):
                bar.update()
        except ChildProcessError as error:
            raise ChildProcessError(f'{self.target}: {error}') from error
        if shared and get_world_size() > 1:
            with bar.waiting():
                torch.distributed.barrier()
        bar.finish()

    def write(self, index: int, key: str, part: Part) -> None:
        """Write a part; it is there only when it is complete."""
        tensors = {
            f'{row}.{output}': np.asarray(array, order='C')  # else save() mixes the values up
            for row, arrays in enumerate(part.arrays.values())
            for output, array in arrays.items()
        }
        content = {'names': list(part.arrays), 'notes': part.notes, 'skipped': part.skipped}
        metadata = {'key': key, 'content': json.dumps(content)}
        write_bytes(self.path(index), save(tensors, metadata))

    def remove(self) -> None:
        """Remove the parts, which are merged now."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _work(
    parts: ResumableParts, compute: Callable[[int], Part], key: Callable[[int], str], index: int
) -> None:
    parts.write(index, key(index), compute(index))


def content_hash(content: Any) -> str:
    """Hash what JSON can hold."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
