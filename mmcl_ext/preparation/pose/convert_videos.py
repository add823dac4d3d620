"""Skeletons of a folder of videos, as annotation stores."""

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import torch.distributed
from mmengine.dist import get_rank, get_world_size

from mmcl_ext.datasets.converters.conversion import (
    Conversion,
    ConversionOptions,
    ConversionReport,
    DroppedSampleError,
)
from mmcl_ext.datasets.converters.custom import guess_classes, label_samples, read_labels
from mmcl_ext.fileio.archive_file import ArchiveFile
from mmcl_ext.fileio.atomic_file import atomic_path
from mmcl_ext.parallel.collectives import from_main_process
from mmcl_ext.parallel.progress import Progress
from mmcl_ext.preparation.pose.pose_estimator import PoseEstimator
from mmcl_ext.preparation.pose.pose_settings import PoseSettings
from mmcl_ext.preparation.videos.video_folder import VideoFolder

_HELD_OUT = 5  # every fifth video of a class is for validation


@dataclass(frozen=True)
class VideoPoseReader:
    """Reads the persons of a video, in metres or in pixels (M, T, V, 3 or 2).

    Both are kept in a file for each video, in ``folder``, so that the networks run once.
    """

    settings: PoseSettings
    folder: Path
    metric: bool

    @cached_property
    def estimator(self) -> PoseEstimator:
        """The pose estimator; the networks are loaded when a video needs them."""
        return self.settings.build()

    def __call__(self, member: ArchiveFile) -> dict[str, np.ndarray]:
        """Find the persons of a video; a DroppedSampleError if nobody is in it."""
        path = self.file(member.path)
        if not path.exists():
            self.look(member.path)
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(
                keypoint=file['metres' if self.metric else 'pixels'], keypoint_score=file['score']
            )
        if not len(arrays['keypoint']):
            raise DroppedSampleError('nobody was found')
        return arrays

    def file(self, video: Path) -> Path:
        """Path of the file with the persons of a video."""
        return self.folder / f'{video.name}.npz'

    def look(self, video: Path) -> None:
        """Find the persons of a video and write their file; a ValueError if it is unreadable."""
        poses = self.settings.estimate(str(video), self.estimator)
        pixels, score = self.settings.joints(poses, metric=False)
        arrays: dict[str, Any] = dict(pixels=poses.keypoint, score=score)
        if self.estimator.metric:
            world = np.zeros((*pixels.shape[:3], 3), np.float32)
            arrays['metres'] = self.settings.joints(poses, metric=True)[0] if len(pixels) else world
        with atomic_path(self.file(video)) as temporary, temporary.open('wb') as file:
            np.savez(file, **arrays)


def find_poses(
    videos: VideoFolder, read: VideoPoseReader, labels: Path | None = None, progress: bool = True
) -> None:
    """Find the persons of all videos that lack them, shared out over the processes of the group.

    A video that cannot be read is left to :func:`convert_videos`, which tells of it, and has the
    same arguments.
    """
    paths = [videos.video(name) for name in _labels(videos, labels)[1] if name in videos.names]
    todo = from_main_process(lambda: [path for path in paths if not read.file(path).exists()])

    def count() -> int:
        return sum(read.file(path).exists() for path in todo)

    bar = Progress(len(todo), count, progress and get_rank() == 0, sys.stderr)
    for path in todo[get_rank() :: get_world_size()]:
        with suppress(ValueError, OSError):
            read.look(path)
        bar.update()
    if get_world_size() > 1:
        with bar.waiting():
            torch.distributed.barrier()
    bar.finish()


def convert_videos(
    videos: VideoFolder,
    out: str | os.PathLike,
    read: VideoPoseReader,
    labels: Path | None = None,
    **options: Unpack[ConversionOptions],
) -> ConversionReport:
    """Find the persons of all videos and write them to a store.

    A ValueError if a video cannot be read, or a label is wrong; an OSError if a file cannot be read
    or written, or the networks are missing.

    Args:
        videos: Each video is a sample; its sub-folder is its class.
        out: Store to write; an interrupted run is continued by the same call.
        labels: Table with ``name``, ``label`` and ``split`` in place of the sub-folders; None takes
            ``labels.csv`` of the folder where there is one. Without a table, every fifth
            video of a class, by name, is in the split ``val``, the others in ``train``.
    """
    table_path, table = _labels(videos, labels)
    names = [name for name in table if name in videos.names]
    if not names:
        raise FileNotFoundError(f'{videos.path} has none of the videos named in {table_path}')
    classes = tuple(guess_classes(table_path, table))
    files = {name: ArchiveFile(videos.video(name)) for name in names}
    items, splits = label_samples(table_path, table, files, classes)
    return Conversion(
        out=Path(out),
        items=items,
        read=read,
        layout=read.estimator.layout,
        classes=classes,
        splits=splits,
        metadata=dict(dataset='videos', pose=asdict(read.settings)),
        part_size=1,
        **options,
    ).run(missing=[name for name in table if name not in names])


def _labels(
    videos: VideoFolder, labels: Path | None
) -> tuple[Path, Mapping[str, Mapping[str, str]]]:
    """Read the table of labels, or label the videos by their folders."""
    path = labels or videos.path / 'labels.csv'
    found = labels is not None or path.is_file()
    return path, read_labels(path) if found else _by_folder(videos)


def _by_folder(videos: VideoFolder) -> Mapping[str, dict[str, str]]:
    """Label the videos by the folders they lie in."""
    table: dict[str, dict[str, str]] = {}
    counts: dict[str, int] = {}
    for name in videos.names:
        parent = videos.video(name).parent
        if parent == videos.path:
            raise ValueError(
                f'{videos.video(name)} has no label: put it into a folder named after its class, '
                f'or write {videos.path / "labels.csv"} with name,label,split'
            )
        label = parent.name
        counts[label] = counts.get(label, 0) + 1
        split = 'val' if counts[label] % _HELD_OUT == 0 else 'train'
        table[name] = dict(label=label, split=split)
    return table
