"""Composite images of a whole data set: in parallel, interruptible, resumable."""

import contextlib
import errno
import json
import os
import socket
import time
from collections.abc import Collection, Iterable, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from mmengine.dist import all_gather_object, get_rank, get_world_size

from mmcl_ext.datasets.store.name_table import repeated
from mmcl_ext.fileio.atomic_file import write_json
from mmcl_ext.fileio.file_name import sample_file
from mmcl_ext.fileio.printable import bounded_repr, counted, printable
from mmcl_ext.fileio.read_json import read_json
from mmcl_ext.parallel.collectives import from_main_process
from mmcl_ext.parallel.progress import Progress, clock
from mmcl_ext.parallel.worker_pool import run_parallel
from mmcl_ext.preparation.composites.composite import ORDERS, make_composite, write_image
from mmcl_ext.preparation.videos.sample_frames import Clip
from mmcl_ext.preparation.videos.video_source import WHOLE_FRAMES

_NAME = 'without_person.json'


class MissingPersonLog:
    """Counts of the tiles without a person, in ``without_person.json`` beside the composites.

    While a run goes on, every process notes them in a file of its own, before it writes the
    image: so no image is there whose count was lost, whenever the run is killed.
    """

    def __init__(self, folder: Path) -> None:
        self._whole, self._notes = folder / _NAME, folder / f'.{_NAME}'

    def note(self, name: str, tiles: int) -> None:
        """Remember the tiles of a sample, if there are any; durable when this returns."""
        if not tiles:
            return
        self._notes.mkdir(exist_ok=True)
        file = self._notes / f'{socket.gethostname()}-{os.getpid()}'
        # A line begins with its break: a torn one before it spoils nothing but itself.
        line = f'\n{json.dumps([name, tiles])}\n'.encode()
        with file.open('ab') as stream:
            stream.write(line)
            stream.flush()
            os.fsync(stream.fileno())

    def merge(self, names: Collection[str]) -> dict[str, int]:
        """Bring the notes of all processes into one file; no process may be noting meanwhile.

        What is known of samples that are not in ``names`` is forgotten; returns tiles by sample.
        """
        notes = sorted(self._notes.iterdir()) if self._notes.is_dir() else []
        counts: dict[str, int] = read_json(self._whole, dict) if self._whole.exists() else {}
        if not set(map(type, counts.values())) <= {int}:
            raise ValueError(f'{self._whole}: expected a number of tiles by sample')
        for file in notes:
            counts |= _read(file)
        counts = {name: tiles for name, tiles in sorted(counts.items()) if name in names}
        if counts:
            write_json(self._whole, counts)
        else:
            self._whole.unlink(missing_ok=True)
        for file in notes:
            file.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # never made, or a run beside this one is noting
            self._notes.rmdir()
        return counts


def _read(file: Path) -> dict[str, int]:
    """Read notes; a line that a killed process has not finished has no image either."""
    counts = {}
    for line in file.read_text(errors='replace').splitlines():
        with contextlib.suppress(ValueError):
            if line:
                name, tiles = json.loads(line)
                counts[name] = int(tiles)
    return counts


_SHOWN = 20


@dataclass
class CompositeReport:
    """Counts of a run; ``str()`` makes the text for the user.

    ``present`` composites were there before it; samples without a clip in the source are
    ``missing``; ``failed`` has the reason by sample that could not be read and was skipped. The
    tiles without a person are those of all composites, also of earlier runs; None where nobody was
    looked for.
    """

    folder: str
    present: int = 0
    made: int = 0
    missing: tuple[str, ...] = ()
    failed: dict[str, str] = field(default_factory=dict)
    frames_without_person: int | None = 0
    seconds: float = 0.0

    @property
    def complete(self) -> bool:
        """Whether every sample has its composite."""
        return not self.missing and not self.failed

    @property
    def problems(self) -> dict[str, str]:
        """Why a sample has no composite, by name."""
        return {**dict.fromkeys(self.missing, 'no clip in the source'), **self.failed}

    def add_reports(self, others: Iterable['CompositeReport']) -> None:
        """Count what other processes have made and skipped."""
        for other in others:
            self.made += other.made
            self.failed |= other.failed

    def __str__(self) -> str:
        lines = [f'WITHOUT A CLIP {printable(name)}' for name in self.missing[:_SHOWN]]
        lines += _more(len(self.missing))
        failed = [f'{name}: {error}' for name, error in list(self.failed.items())[:_SHOWN]]
        lines += [f'FAILED {printable(text, 500)}' for text in failed]
        lines += _more(len(self.failed))
        empty = self.frames_without_person
        absent = '' if empty is None else f'{counted(empty, "tile")} without a person; '
        lines.append(
            f'{self.folder}: {self.made} composites made, {self.present} were there, '
            f'{len(self.missing)} without a clip, {len(self.failed)} failed; '
            f'{absent}{clock(self.seconds)}'
        )
        return '\n'.join(lines)


def _more(count: int) -> list[str]:
    return [f'and {count - _SHOWN} more, see problems.json'] if count > _SHOWN else []


class CompositeFolder:
    """Folder with one composite ``<sample name>.jpg`` per sample.

    Beside the images lies ``recipe.json``: a run goes on only with the recipe it began with, so
    that images of two recipes never mix. ``without_person.json`` counts the tiles in which no
    person was found, by sample, if there are any. ``num_tiles`` is m in MMCL's Eq. 2; for the other
    settings see :func:`make_composite`. A ValueError if the order is unknown.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        *,
        num_tiles: int = 5,
        size: tuple[int, int] = (480, 480),
        margin: float = 0.1,
        rule: str = 'center',
        quality: int = 95,
        order: str = 'ltr',
    ) -> None:
        if order not in ORDERS:
            raise ValueError(f'unknown order {order!r}, expected one of {ORDERS}')
        self.path = Path(path)
        self.missing_persons = MissingPersonLog(self.path)
        self.num_tiles, self.size, self.margin = num_tiles, size, margin
        self.rule, self.quality, self.order = rule, quality, order

    def image(self, name: str) -> Path:
        """Path of a sample's composite."""
        return sample_file(self.path, name, '.jpg')

    def fill(
        self,
        source: 'ClipSource',
        samples: 'SampleStore',
        *,
        jobs: int = 1,
        on_error: str = 'stop',
        progress: bool = True,
    ) -> CompositeReport:
        """Make the composites that are not there yet, on all processes of the group.

        The main process lists them; process r of W takes every W-th, with ``jobs`` workers. Every
        process gets the counts. ``problems.json`` tells why samples have no composite, if any;
        ``on_error='skip'`` counts unreadable ones in place of stopping. A ValueError if the folder
        belongs to another recipe, a name is unfit for a file, no sample has a clip, or with
        ``on_error='stop'`` if a sample is malformed; an OSError if a file cannot be read or
        written; a full disk stops every run.
        """
        if on_error not in ('stop', 'skip'):
            raise ValueError(f"on_error must be 'stop' or 'skip', got {on_error!r}")
        begin = time.time()
        report, todo = from_main_process(lambda: self._plan(source, samples))
        mine = todo[get_rank() :: get_world_size()]
        own = CompositeReport(str(self.path))
        shown = progress and get_rank() == 0
        bar = Progress(len(todo), lambda: len(self.existing()) - report.present, shown)
        for failure in run_parallel(_Job(self, source, samples, on_error), mine, jobs):
            if failure is None:
                own.made += 1
            else:
                own.failed |= failure
            bar.update()
        with bar.waiting():
            report.add_reports(all_gather_object(own))
        bar.finish()
        report.seconds = time.time() - begin
        absent = from_main_process(lambda: self._conclude(report, set(samples.names), begin))
        detected = source.recipe.get('boxes') != WHOLE_FRAMES
        report.frames_without_person = absent if detected else None
        return report

    def existing(self) -> set[str]:
        """List the names that have a composite."""
        found: set[str] = set()
        for parent, _, files in os.walk(self.path):
            place = Path(parent).relative_to(self.path)
            images = [file for file in files if file.endswith('.jpg') and file[0] != '.']
            found |= {(place / file).as_posix().removesuffix('.jpg') for file in images}
        return found

    def _plan(
        self, source: 'ClipSource', samples: 'SampleStore'
    ) -> tuple[CompositeReport, list[int]]:
        """Begin or go on with the recipe; tell what is there and which samples are to do."""
        names = list(samples.names)
        if (twice := repeated(names)) is not None:
            raise ValueError(f'sample {bounded_repr(twice)} occurs more than once')
        for name in names:
            self.image(name)  # refuses names that lead out of the folder
        available, existing = set(source.names), self.existing()
        there = existing.intersection(names)
        if not there and not available.intersection(names):
            raise ValueError(
                f'{self.path}: none of the {len(names)} samples, such as {names[0]!r}, has a clip'
                if names
                else f'{self.path}: there are no samples to make composites of'
            )
        # Nothing is written before all inputs were looked at.
        self._claim({'clips': source.recipe, 'composite': self._recipe()}, bool(existing))
        self.missing_persons.merge(existing)
        missing = tuple(name for name in names if name not in available and name not in there)
        todo = [i for i, name in enumerate(names) if name in available and name not in existing]
        return CompositeReport(str(self.path), len(there), missing=missing), todo

    def _conclude(self, report: CompositeReport, names: Set[str], begin: float) -> int:
        """Write why samples are lacking, sweep up, and count the tiles without a person."""
        problems = self.path / 'problems.json'
        if report.problems:
            write_json(problems, report.problems)
        else:
            problems.unlink(missing_ok=True)
        for file in self.path.rglob('.*.tmp'):
            with contextlib.suppress(FileNotFoundError):  # of another run, just finished
                if file.stat().st_mtime < begin:
                    file.unlink()
        absent = self.missing_persons.merge(self.existing())
        return sum(tiles for name, tiles in absent.items() if name in names)

    def _recipe(self) -> dict[str, Any]:
        return {
            'num_tiles': self.num_tiles,
            'size': list(self.size),
            'margin': self.margin,
            'rule': self.rule,
            'quality': self.quality,
            **({} if self.order == 'ltr' else {'order': self.order}),
        }

    def _claim(self, recipe: dict[str, Any], is_filled: bool) -> None:
        """Keep to the recipe of the images that are there; begin with this one where none is."""
        file = self.path / 'recipe.json'
        if not file.exists() or not is_filled:
            write_json(file, recipe)
            return
        found = read_json(file)
        if found != recipe:
            raise ValueError(
                f'{file}: the composites have the recipe {bounded_repr(found, 400)}, not '
                f'{bounded_repr(recipe, 400)}: choose another folder or remove this one'
            )


class SampleStore(Protocol):
    """What the composites need of an annotation store."""

    @property
    def names(self) -> Sequence[str]:
        """Sample names."""

    def keypoint(self, index: int) -> np.ndarray:
        """Skeleton (M, T, V, C) of a sample."""


class ClipSource(Protocol):
    """Where frames and person boxes come from."""

    @property
    def names(self) -> Sequence[str]:
        """Names of the samples it can load."""

    @property
    def recipe(self) -> dict[str, object]:
        """What shapes the clips, as JSON types; clips of equal recipes are equal."""

    def load(self, name: str, keypoint: np.ndarray, num_tiles: int, rule: str) -> Clip:
        """Load uniformly sampled frames of a sample with its skeleton (M, T, V, C).

        FileNotFoundError without a video, ValueError where it does not fit skeleton or boxes.
        """


@dataclass(frozen=True)
class _Job:
    """Makes one composite; returns the error by its name if it was skipped."""

    folder: CompositeFolder
    source: ClipSource
    samples: SampleStore
    on_error: str

    def __call__(self, index: int) -> dict[str, str] | None:
        folder, name = self.folder, self.samples.names[index]
        try:
            image, without_person = self._make(name, self.samples.keypoint(index))
        except (ValueError, OSError) as error:
            full = getattr(error, 'errno', None) in (errno.ENOSPC, errno.EDQUOT)
            if self.on_error == 'stop' or full:
                raise
            return {name: str(error)}
        # Outside the `try`: a full disk stops every run.
        folder.missing_persons.note(name, without_person)
        write_image(folder.image(name), image, folder.quality)
        return None

    def _make(self, name: str, keypoint: np.ndarray) -> tuple[np.ndarray, int]:
        folder = self.folder
        clip = self.source.load(name, keypoint, folder.num_tiles, folder.rule)
        try:
            image = make_composite(
                clip.frames, clip.boxes, size=folder.size, margin=folder.margin, order=folder.order
            )
        except ValueError as error:
            raise ValueError(f'sample {name}: {error}') from error
        return image, int((~clip.found).sum())


class SampleNames:
    """Samples without skeletons, in the place of an annotation store."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)

    def keypoint(self, index: int) -> np.ndarray:
        """Return an empty skeleton (0, 0, 0, 0)."""
        return np.zeros((0, 0, 0, 0), np.float32)
