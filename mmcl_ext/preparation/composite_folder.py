"""Composite images of a whole data set: in parallel, interruptible, resumable."""

import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from mmengine.utils import ProgressBar

from mmcl_ext.preparation.clip import Clip
from mmcl_ext.preparation.composite import make_composite, write_bytes, write_image
from mmcl_ext.preparation.composite_report import CompositeReport


class CompositeFolder:
    """Folder with one composite ``<sample name>.jpg`` per sample.

    Beside the images lies ``recipe.json``: a run goes on only with the recipe it began with,
    so that images of two recipes never mix.

    Args:
        path: The folder; made when missing.
        num_tiles: Frames per composite (m in MMCL's Eq. 2).
        size: Width and height in pixels.
        margin: See :func:`~mmcl_ext.preparation.composite.crop_person`.
        rule: See :func:`~mmcl_ext.preparation.composite.sample_frames`.
        quality: JPEG quality.
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
    ) -> None:
        self.path = Path(path)
        self.num_tiles, self.size, self.margin = num_tiles, size, margin
        self.rule, self.quality = rule, quality

    def image(self, name: str) -> Path:
        """Path of a sample's composite."""
        return self.path / f'{name}.jpg'

    def fill(
        self,
        source: 'ClipSource',
        samples: 'SampleStore',
        *,
        jobs: int = 1,
        on_error: str = 'stop',
        progress: bool = True,
    ) -> CompositeReport:
        """Make the composites that are not there yet.

        Args:
            source: Frames and boxes by sample name.
            samples: Names and skeletons, usually an annotation store.
            jobs: Number of processes.
            on_error: ``'stop'`` at the first unreadable sample, or ``'skip'`` and count it.
            progress: Show a progress bar.

        Returns:
            Counts of the run.

        Raises:
            ValueError: If the folder belongs to another recipe, or with ``on_error='stop'`` if a
                sample is malformed.
            OSError: If a file cannot be read or written.
        """
        if on_error not in ('stop', 'skip'):
            raise ValueError(f"on_error must be 'stop' or 'skip', got {on_error!r}")
        self._claim({'clips': source.recipe, 'composite': self._recipe()})
        names = list(samples.names)
        available = set(source.names)
        todo = [
            index
            for index, name in enumerate(names)
            if name in available and not self.image(name).exists()
        ]
        report = CompositeReport(
            folder=str(self.path),
            present=sum(self.image(name).exists() for name in names),
            missing=tuple(name for name in names if name not in available),
        )
        bar = ProgressBar(len(todo)) if progress and todo else None
        for outcome in _run(_Job(self, source, samples, on_error), todo, jobs):
            report.add(*outcome)
            if bar is not None:
                bar.update()
        if bar is not None:
            bar.file.write('\n')
        return report

    def _recipe(self) -> dict[str, Any]:
        return {
            'num_tiles': self.num_tiles,
            'size': list(self.size),
            'margin': self.margin,
            'rule': self.rule,
            'quality': self.quality,
        }

    def _claim(self, recipe: dict[str, Any]) -> None:
        file = self.path / 'recipe.json'
        if not file.exists():
            write_bytes(file, (json.dumps(recipe, indent=1) + '\n').encode())
            return
        found = json.loads(file.read_text())
        if found != recipe:
            raise ValueError(
                f'{self.path} holds composites of the recipe {found}, not of {recipe}: choose '
                'another folder or remove this one'
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
        """What shapes the clips, as JSON types."""

    def load(self, name: str, keypoint: np.ndarray, num_tiles: int, rule: str) -> Clip:
        """Load the frames of a sample."""


@dataclass(frozen=True)
class _Job:
    """Makes one composite; returns name, frames without a person, and the error if skipped."""

    folder: CompositeFolder
    source: ClipSource
    samples: SampleStore
    on_error: str

    def __call__(self, index: int) -> tuple[str, int, str | None]:
        folder, name = self.folder, self.samples.names[index]
        try:
            keypoint = self.samples.keypoint(index)
            clip = self.source.load(name, keypoint, folder.num_tiles, folder.rule)
            image = make_composite(clip.frames, clip.boxes, size=folder.size, margin=folder.margin)
        except (ValueError, OSError) as error:
            if self.on_error == 'stop':
                raise
            return name, 0, str(error)
        # Outside the `try`: a full disk stops every run.
        write_image(folder.image(name), image, folder.quality)
        return name, int((~clip.found).sum()), None


_job: _Job | None = None  # of this worker process


def _start_worker(job: _Job) -> None:
    global _job
    _job = job
    cv2.setNumThreads(1)  # the processes are the parallelism


def _work(index: int) -> tuple[str, int, str | None]:
    assert _job is not None
    return _job(index)


def _run(job: _Job, indices: list[int], jobs: int) -> Iterator[tuple[str, int, str | None]]:
    if jobs <= 1 or len(indices) <= 1:
        yield from map(job, indices)
        return
    executor = ProcessPoolExecutor(jobs, initializer=_start_worker, initargs=(job,))
    try:
        yield from executor.map(_work, indices, chunksize=8)
    finally:  # also after Ctrl-C or an error: do not begin what is still queued
        executor.shutdown(cancel_futures=True)
