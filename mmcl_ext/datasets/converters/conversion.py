"""Conversion in parts: over several processes, and resumable."""

import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from mmengine.utils import ProgressBar

from mmcl_ext.datasets.converters.conversion_report import ConversionReport
from mmcl_ext.datasets.store import SkeletonStore, check_store_name, write_store
from mmcl_ext.fileio.archive_file import ArchiveFile
from mmcl_ext.fileio.atomic_file import write_bytes
from mmcl_ext.parallel.worker_pool import run_parallel
from mmcl_ext.version import __version__


class DroppedSampleError(Exception):
    """Raised by a reader to leave a sample out; the text is the reason."""


class SampleInfo(NamedTuple):
    """A sample that is still to be read.

    Attributes:
        name: Name of the sample.
        label: Its class, counted from 0.
        source: What the reader needs to find it, such as a :class:`ArchiveFile`.
    """

    name: str
    label: int
    source: Any


@dataclass(frozen=True)
class Conversion:
    """A data set on its way into a store.

    The samples are read in parts of fixed size, by several processes at once. A part
    that is done lies as a store of its own in the folder ``<out>.parts``; an
    interrupted conversion, even a killed one, takes it up from there when it is run
    again. A part is read again when a setting or one of its files has changed. At the
    end the parts become one file, in the order of the items, and the folder goes.

    Attributes:
        out: Store to write; it appears only when it is complete.
        items: The samples, in the order wanted.
        read: Turns an item's source into its ``keypoint`` (M, T, V, C), or into a dict
            with ``keypoint`` and ``keypoint_score`` (M, T, V). It raises
            :class:`DroppedSampleError` to leave the sample out.
        layout: Name of the skeleton layout.
        classes: Names of the classes.
        splits: Names of the samples of each split; dropped ones fall out.
        dtype: ``'float32'`` or ``'float16'``.
        metadata: How the data are made; a change makes all parts anew.
        processes: Number of processes; None takes as many as there are processors.
        on_error: ``'stop'`` at an unreadable sample, or ``'skip'`` it.
        progress: Show a progress bar.
        part_size: Samples in a part.
    """

    out: Path
    items: Sequence[SampleInfo]
    read: Callable[[Any], np.ndarray | Mapping[str, np.ndarray]]
    layout: str
    classes: Sequence[str]
    splits: Mapping[str, Sequence[str]]
    dtype: str = 'float32'
    metadata: Mapping[str, Any] = field(default_factory=dict)
    processes: int | None = None
    on_error: str = 'stop'
    progress: bool = True
    part_size: int = 256

    def __post_init__(self) -> None:
        if self.on_error not in ('stop', 'skip'):
            raise ValueError(f"on_error is 'stop' or 'skip', got {self.on_error!r}")
        if self.processes is not None and self.processes < 1:
            raise ValueError(f'processes must be positive, got {self.processes}')
        check_store_name(self.out)

    def run(
        self,
        missing: Sequence[str] = (),
        ignored: Sequence[str] = (),
        dropped: Mapping[SampleInfo, str] | None = None,
        notes: Sequence[str] = (),
    ) -> ConversionReport:
        """Convert.

        Args:
            missing: For the report: names that the source lacks.
            ignored: For the report: files of no known sample.
            dropped: Further items, left out beforehand, and why.
            notes: For the report: further lines.

        Returns:
            What was kept, what dropped and why.

        Raises:
            ValueError: A sample cannot be read, or none is left.
            IsADirectoryError: The store would take the place of a folder.
            ChildProcessError: A process was killed, for its use of memory perhaps.
        """
        if self.out.is_dir():
            raise IsADirectoryError(f'{self.out} is a folder; name the file to write')
        start = time.perf_counter()
        parts = self._convert_parts()
        reasons = {item.name: reason for item, reason in (dropped or {}).items()}
        for part in parts:
            reasons |= part['dropped']
        kept = {item.name for item in self.items} - set(reasons)
        if not kept:
            why = '; '.join(sorted(set(reasons.values()))[:3]) or 'there was none'
            raise ValueError(f'{self.out}: no sample is left to write: {why}')
        splits = {key: [n for n in names if n in kept] for key, names in self.splits.items()}
        self._join(parts, splits, reasons)
        return ConversionReport(
            out=str(self.out),
            num_samples=len(kept),
            num_frames=sum(part['num_frames'] for part in parts),
            splits={key: len(names) for key, names in splits.items()},
            split_drops={key: len(self.splits[key]) - len(splits[key]) for key in splits},
            missing=tuple(missing),
            ignored=tuple(ignored),
            seconds=time.perf_counter() - start,
            dropped=reasons,
            class_counts=count_classes([*self.items, *(dropped or {})], self.classes, kept, splits),
            notes=tuple(notes),
        )

    @property
    def folder(self) -> Path:
        """Where finished parts wait for the others."""
        return self.out.with_name(f'{self.out.name}.parts')

    def _convert_parts(self) -> list[dict[str, Any]]:
        """Read what is not there yet; return what each part says about itself."""
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            return self._run_parts()
        except BrokenProcessPool as error:
            raise ChildProcessError(
                f'{self.out}: a process was killed or ran out of memory; what is done is kept'
            ) from error
        finally:
            with suppress(OSError):
                self.folder.rmdir()  # empty: not a single part was done

    def _run_parts(self) -> list[dict[str, Any]]:
        bar = ProgressBar(len(self.items), file=sys.stderr) if self.progress else None
        found = []
        try:
            parts = run_parallel(
                self.convert_part, range(self._num_parts), self._num_processes, chunk=1
            )
            for index, part in enumerate(parts):
                found.append(part)
                if bar is not None:
                    bar.update(len(self._part_items(index)))
        finally:
            if bar is not None:
                bar.file.write('\n')  # the message of an error gets a line of its own
        return found

    @property
    def _num_parts(self) -> int:
        return -(-len(self.items) // self.part_size)

    @property
    def _num_processes(self) -> int:
        return min(self.processes or len(os.sched_getaffinity(0)), self._num_parts)

    def _part_items(self, index: int) -> Sequence[SampleInfo]:
        return self.items[index * self.part_size : (index + 1) * self.part_size]

    def convert_part(self, index: int) -> dict[str, Any]:
        """Read one part, unless that is done already."""
        # A part's name holds all that it depends on, so an outdated one is never taken.
        path = self._part_path(index)
        if path.exists():
            return json.loads(path.read_text())
        samples, dropped = [], {}
        for item in self._part_items(index):
            try:
                samples.append(self._sample(item))
            except DroppedSampleError as error:
                dropped[item.name] = str(error)
            except (ValueError, OSError) as error:
                if self.on_error == 'stop':
                    raise
                dropped[item.name] = str(error)
        store = path.with_suffix('.safetensors')
        if samples:
            write_store(
                store,
                samples,
                layout=self.layout,
                classes=self.classes,
                splits={},
                dtype=self.dtype,
            )
        num_frames = sum(sample['keypoint'].shape[1] for sample in samples)
        written = store.name if samples else None
        part = dict(dropped=dropped, num_frames=num_frames, store=written)
        write_bytes(path, json.dumps(part).encode())  # last: now the part is whole
        return part

    def _sample(self, item: SampleInfo) -> dict[str, Any]:
        read = self.read(item.source)
        arrays = dict(keypoint=read) if isinstance(read, np.ndarray) else dict(read)
        return dict(name=item.name, label=item.label, **arrays)

    def _part_path(self, index: int) -> Path:
        items = [(item.name, item.label, _stamp(item.source)) for item in self._part_items(index)]
        digest = _digest([self._recipe, items])
        return self.folder / f'{index:05d}-{digest[:20]}.json'

    @cached_property
    def _recipe(self) -> str:
        recipe = [__version__, self.layout, list(self.classes), self.dtype, self.on_error]
        return _digest([recipe, self.metadata])

    def _join(
        self,
        parts: Sequence[Mapping[str, Any]],
        splits: Mapping[str, Sequence[str]],
        dropped: Mapping[str, str],
    ) -> None:
        whole = self.folder / 'whole.safetensors'
        write_store(
            whole,
            self._read_back(parts),
            layout=self.layout,
            classes=self.classes,
            splits=splits,
            dtype=self.dtype,
            metadata=dict(self.metadata, dropped=dict(dropped)),
        )
        whole.replace(self.out)
        shutil.rmtree(self.folder)

    def _read_back(self, parts: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
        for part in parts:
            if part['store'] is None:
                continue
            store = SkeletonStore(self.folder / part['store'])
            for i, name in enumerate(store.names):
                sample = dict(name=name, label=store.labels[i], keypoint=store.keypoint(i))
                score = store.keypoint_score(i)
                yield sample if score is None else dict(sample, keypoint_score=score)


def count_classes(
    items: Sequence[SampleInfo],
    classes: Sequence[str],
    kept: Set[str],
    splits: Mapping[str, Sequence[str]],
) -> dict[str, dict[str, int]]:
    """Count the samples of each class: ``kept``, ``dropped``, and those in each split.

    Args:
        items: All samples, the dropped ones included.
        classes: Names of the classes.
        kept: Names of the samples that were kept.
        splits: Names of the kept samples by split.
    """
    columns = ('kept', 'dropped', *splits)
    counts = [dict.fromkeys(columns, 0) for _ in classes]
    labels = {item.name: item.label for item in items}
    for name, label in labels.items():
        counts[label]['kept' if name in kept else 'dropped'] += 1
    for key, names in splits.items():
        for name in names:
            counts[labels[name]][key] += 1
    return {
        f'{label} {name}': row
        for label, (name, row) in enumerate(zip(classes, counts, strict=True))
    }


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _stamp(source: Any) -> str:
    return source.stamp() if isinstance(source, ArchiveFile) else repr(source)
