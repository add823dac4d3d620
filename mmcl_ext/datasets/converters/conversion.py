"""Conversion in parts: over several processes, and resumable."""

import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, TypedDict

import numpy as np

from mmcl_ext.datasets.store.write_store import check_store_name, write_store
from mmcl_ext.datasets.validation.sentinels import check_sentinels, count_sentinels
from mmcl_ext.fileio.archive_file import ArchiveFile
from mmcl_ext.fileio.printable import counted, name_list, printable
from mmcl_ext.parallel.resumable_parts import Part, ResumableParts, content_hash
from mmcl_ext.version import __version__

_MOST_SPLITS = 8  # in the text: SYSU has 120


@dataclass(frozen=True)
class ConversionReport:
    """Counts of a finished conversion; ``str()`` makes the text for the user.

    The splits would have ``split_drops`` more samples, had none been dropped. The data set should
    have the ``missing`` names, and the source has not; ``ignored`` files of the source belong to no
    known sample; ``dropped`` samples were left out, for a reason; ``class_counts`` are those
    ``kept``, ``dropped`` and in each split, by class.
    """

    out: str
    num_samples: int
    num_frames: int
    splits: Mapping[str, int] = field(default_factory=dict)
    split_drops: Mapping[str, int] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    seconds: float = 0.0
    dropped: Mapping[str, str] = field(default_factory=dict)
    class_counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = [
            *_table(self.class_counts),
            f'{self.out}: {counted(self.num_samples, "sample")}, '
            f'{counted(self.num_frames, "frame")}, '
            f'{self.seconds:.1f} s',
            f'splits: {self._splits_text()}',
        ]
        for reason in dict.fromkeys(self.dropped.values()):
            names = tuple(name for name, why in self.dropped.items() if why == reason)
            samples = counted(len(names), 'sample')
            lines.append(f'dropped {samples}, {printable(reason)}: {_some(names)}')
        if self.missing:
            lines.append(f'MISSING {counted(len(self.missing), "sample")}: {_some(self.missing)}')
        if self.ignored:
            lines.append(
                f'ignored {counted(len(self.ignored), "other file")}: {_some(self.ignored)}'
            )
        return '\n'.join([*lines, *self.notes])

    def _splits_text(self) -> str:
        texts = []
        for name, count in self.splits.items():
            dropped = self.split_drops.get(name, 0)
            texts.append(f'{name} {count}' + (f' ({dropped} dropped)' if dropped else ''))
        return name_list(texts, _MOST_SPLITS) or 'none'


def _some(names: tuple[str, ...]) -> str:
    return name_list(names, separator=' ')


def _table(rows: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Lay counts out in columns, a line per class."""
    if not rows:
        return []
    rows = {printable(name): counts for name, counts in rows.items()}
    columns = list(next(iter(rows.values())))[: 2 + _MOST_SPLITS]  # after kept and dropped
    width = max(len('class'), *map(len, rows))
    head = f'{"class":{width}}  ' + '  '.join(map(printable, columns))
    return [head] + [
        f'{name:{width}}  ' + '  '.join(f'{counts[key]:{len(key)}}' for key in columns)
        for name, counts in rows.items()
    ]


class DroppedSampleError(Exception):
    """Raised by a reader to leave a sample out; the text is the reason."""


class SampleInfo(NamedTuple):
    """A sample that is still to be read; the reader gets its ``source``."""

    name: str
    label: int
    source: Any


class ConversionOptions(TypedDict, total=False):
    """What every converter takes and hands on to :class:`Conversion`, which has the defaults.

    The ``dtype`` of the store is ``'float32'`` or ``'float16'``; None takes as many processes as
    there are processors; ``on_error`` is ``'stop'`` at an unreadable sample, or ``'skip'`` it.
    """

    dtype: str
    processes: int | None
    on_error: str
    progress: bool


@dataclass(frozen=True)
class Conversion:
    """A data set on its way into a store.

    The samples are read in parts, by several processes at once. Finished parts wait in the folder
    ``<out>.parts``; an interrupted conversion, even a killed one, goes on from there when it is
    run again. A part is read again when a setting or one of its files has changed.

    Attributes:
        out: Store to write; it appears only when it is complete.
        read: Turns an item's source into its ``keypoint`` (M, T, V, C), or into a dict
            with ``keypoint`` and ``keypoint_score`` (M, T, V). It raises
            :class:`DroppedSampleError` to leave the sample out.
        splits: Names of the samples of each split; dropped ones fall out.
        metadata: How the data are made; a change makes all parts anew.
        part_size: Samples in a part; for the other options see :class:`ConversionOptions`.
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

        ``missing`` names, ``ignored`` files and ``notes`` are for the report; ``dropped`` items
        were left out beforehand, for a reason. A ValueError if a sample cannot be read, or none is
        left; a ChildProcessError if a process was killed, for its use of memory perhaps.
        """
        if self.out.is_dir():
            raise IsADirectoryError(f'{self.out} is a folder; name the file to write')
        start = time.perf_counter()
        reasons = {item.name: reason for item, reason in (dropped or {}).items()}
        with self._parts.claimed():
            num_frames = self._convert_parts(reasons)
            kept = {item.name for item in self.items} - set(reasons)
            if not kept:
                why = '; '.join(sorted(set(reasons.values()))[:3]) or 'there was none'
                raise ValueError(f'{self.out}: no sample is left to write: {why}')
            splits = {key: [n for n in names if n in kept] for key, names in self.splits.items()}
            found = self._merge(splits, reasons)
            self._parts.remove()
        return ConversionReport(
            out=str(self.out),
            num_samples=len(kept),
            num_frames=num_frames,
            splits={key: len(names) for key, names in splits.items()},
            split_drops={key: len(self.splits[key]) - len(splits[key]) for key in splits},
            missing=tuple(missing),
            ignored=tuple(ignored),
            seconds=time.perf_counter() - start,
            dropped=reasons,
            class_counts=count_classes([*self.items, *(dropped or {})], self.classes, kept, splits),
            notes=(*notes, *found),
        )

    @property
    def folder(self) -> Path:
        """Where finished parts wait for the others."""
        return self.out.with_name(f'{self.out.name}.parts')

    @cached_property
    def _parts(self) -> ResumableParts:
        names = [item.name for item in self.items]
        return ResumableParts(self.out, self.folder, names, self.part_size)

    def _convert_parts(self, reasons: dict[str, str]) -> int:
        """Read what is not there yet; note what was dropped and return the number of frames."""
        todo = self._parts.todo(lambda index, part: part.key == self._key(index))
        self._parts.run(
            todo,
            self.convert_part,
            self._key,
            jobs=min(self.processes or _cores(), len(todo)),
            progress=self.progress,
            stream=sys.stderr,
            shared=False,  # prepare_videos converts in its main process alone
        )
        num_frames = 0
        for part in self._parts.read_all():
            reasons |= part.skipped
            num_frames += sum(part.notes.values())
        return num_frames

    def convert_part(self, index: int) -> Part:
        """Read the samples of a part; note their numbers of frames."""
        part = Part()
        for item in self._items(index):
            try:
                arrays = self._read(item)
            except DroppedSampleError as error:
                part.skipped[item.name] = str(error)
            except (ValueError, OSError) as error:
                if self.on_error == 'stop':
                    raise
                part.skipped[item.name] = str(error)
            else:
                part.arrays[item.name] = arrays
                part.notes[item.name] = arrays['keypoint'].shape[1]
        return part

    def _items(self, index: int) -> Sequence[SampleInfo]:
        return self.items[index * self.part_size : (index + 1) * self.part_size]

    def _read(self, item: SampleInfo) -> dict[str, np.ndarray]:
        read = self.read(item.source)
        arrays = dict(keypoint=read) if isinstance(read, np.ndarray) else dict(read)
        keypoint = arrays['keypoint']
        if keypoint.ndim != 4 or keypoint.dtype.kind not in 'fiu' or not keypoint.size:
            raise ValueError(
                f"{item.source}: sample {item.name!r}: field 'keypoint': expected numbers "
                f'(M, T, V, C), got {keypoint.dtype} of {keypoint.shape}'
            )
        return arrays

    def _key(self, index: int) -> str:
        items = []
        for name, label, source in self._items(index):
            stamp = source.stamp() if isinstance(source, ArchiveFile) else repr(source)
            items.append((name, label, stamp))
        return content_hash([self._recipe, items])

    @cached_property
    def _recipe(self) -> str:
        return content_hash([__version__, self.layout, self.on_error, self.metadata])

    def _merge(self, splits: Mapping[str, Sequence[str]], dropped: Mapping[str, str]) -> list[str]:
        """Write the store; tell what its coordinates may hold in place of positions."""
        sentinels: dict[str, Counter[int]] = {}
        write_store(
            self.out,
            self._samples(sentinels),
            layout=self.layout,
            classes=self.classes,
            splits=splits,
            dtype=self.dtype,
            metadata=dict(self.metadata, dropped=dict(dropped)),
        )
        issues = check_sentinels(sentinels)
        return [f'{issue.problem}: {_some(issue.samples)}' for issue in issues]

    def _samples(self, sentinels: dict[str, Counter[int]]) -> Iterator[dict[str, Any]]:
        """Yield what the parts hold, and note marks among its coordinates."""
        items = {item.name: item for item in self.items}
        first = None
        for part in self._parts.read_all():
            scores = part.arrays('keypoint_score')
            for name, keypoint in part.arrays('keypoint').items():
                C = keypoint.shape[-1]
                first = first or (items[name].source, C)
                if first[1] != C:
                    raise ValueError(
                        f'{items[name].source} has {counted(C, "coordinate")} per joint, '
                        f'{first[0]} has {first[1]}: a store takes one number'
                    )
                if marks := count_sentinels(keypoint):
                    sentinels[name] = marks
                sample = dict(name=name, label=items[name].label, keypoint=keypoint)
                yield dict(sample, keypoint_score=scores[name]) if name in scores else sample


def count_classes(
    items: Sequence[SampleInfo],
    classes: Sequence[str],
    kept: Set[str],
    splits: Mapping[str, Sequence[str]],
) -> dict[str, dict[str, int]]:
    """Count the samples of each class: ``kept``, ``dropped``, and those in each split."""
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


def _cores() -> int:
    """Count the cores of this process; macOS tells only those of the machine."""
    known = getattr(os, 'sched_getaffinity', None)
    return len(known(0)) if known else os.cpu_count() or 1
