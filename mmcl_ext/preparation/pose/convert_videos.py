"""Skeletons of a folder of videos, as annotation stores."""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from mmcl_ext.datasets.converters.conversion import (
    Conversion,
    ConversionOptions,
    ConversionReport,
    DroppedSampleError,
    SampleInfo,
)
from mmcl_ext.datasets.converters.custom import guess_classes, label_of, read_labels
from mmcl_ext.fileio.archive_file import ArchiveFile
from mmcl_ext.fileio.atomic_file import atomic_path
from mmcl_ext.preparation.pose.pose_estimator import PoseEstimator
from mmcl_ext.preparation.pose.pose_settings import PoseSettings
from mmcl_ext.preparation.videos.video_folder import VideoFolder

_HELD_OUT = 5  # every fifth video of a class is for validation


@dataclass(frozen=True)
class VideoPoseReader:
    """Reads the persons of a video, in metres or in pixels (M, T, V, 3 or 2).

    Both are kept in a file for each video, so that the networks run once.

    Attributes:
        folder: Where these files lie.
        metric: Return metres.
    """

    settings: PoseSettings
    folder: Path
    metric: bool

    @cached_property
    def estimator(self) -> PoseEstimator:
        """The pose estimator; the networks are loaded when a video needs them."""
        return self.settings.build()

    def __call__(self, member: ArchiveFile) -> dict[str, np.ndarray]:
        """Find the persons of a video.

        Raises:
            DroppedSampleError: Nobody is in it.
            ValueError: It cannot be read.
        """
        path = self.folder / f'{member.path.name}.npz'
        if not path.exists():
            self._look(str(member.path), path)
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(
                keypoint=file['metres' if self.metric else 'pixels'], keypoint_score=file['score']
            )
        if not len(arrays['keypoint']):
            raise DroppedSampleError('nobody was found')
        return arrays

    def _look(self, video: str, path: Path) -> None:
        poses = self.settings.estimate(video, self.estimator)
        pixels, score = self.settings.joints(poses, metric=False)
        arrays: dict[str, Any] = dict(pixels=poses.keypoint, score=score)
        if self.estimator.metric:
            world = np.zeros((*pixels.shape[:3], 3), np.float32)
            arrays['metres'] = self.settings.joints(poses, metric=True)[0] if len(pixels) else world
        with atomic_path(path) as temporary, temporary.open('wb') as file:
            np.savez(file, **arrays)


def convert_videos(
    videos: VideoFolder,
    out: str | os.PathLike,
    read: VideoPoseReader,
    labels: Path | None = None,
    **options: Unpack[ConversionOptions],
) -> ConversionReport:
    """Find the persons of all videos and write them to a store.

    Args:
        videos: Each video is a sample; its sub-folder is its class.
        out: Store to write; an interrupted run is continued by the same call.
        read: Finds the persons.
        labels: Table with ``name``, ``label`` and ``split`` in place of the sub-folders; None takes
            ``labels.csv`` of the folder where there is one. Without a table, every fifth
            video of a class, by name, is in the split ``val``, the others in ``train``.

    Raises:
        ValueError: A video cannot be read, or a label is wrong.
        OSError: A file cannot be read or written, or the networks are missing.
    """
    table_path = labels or videos.path / 'labels.csv'
    found = labels is not None or table_path.is_file()
    table = read_labels(table_path) if found else _by_folder(videos)
    names = [name for name in table if name in videos.names]
    if not names:
        raise FileNotFoundError(f'{videos.path} has none of the videos named in {table_path}')
    classes = tuple(guess_classes(table_path, table))
    items = [
        SampleInfo(
            name,
            label_of(table_path, name, table[name], classes),
            ArchiveFile(videos.video(name)),
        )
        for name in names
    ]
    splits: dict[str, list[str]] = {}
    for name in names:
        for split in filter(None, map(str.strip, table[name]['split'].split(';'))):
            splits.setdefault(split, []).append(name)
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
