"""Pictures of the samples of a data set."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmcl_ext.datasets.seeding import seeded
from mmcl_ext.datasets.skeleton_dataset import SkeletonDataset
from mmcl_ext.datasets.transforms import CenterSkeleton
from mmcl_ext.fileio.file_name import file_name, sample_file
from mmcl_ext.fileio.image import decode_image
from mmcl_ext.fileio.name_file import name_file
from mmcl_ext.fileio.printable import counted, printable
from mmcl_ext.visualization.motion import write_motion
from mmcl_ext.visualization.prediction_figure import save_figure
from mmcl_ext.visualization.sample_sheet import SampleSheet, draw_sample_sheet

_END_OF_AUGMENTATION = ('SkeletonStream', 'GenSkeFeat', 'FormatSkeleton', 'FormatGCNInput')
_UPRIGHT_ALONG_Z = ('AlignSkeleton', 'PreNormalize3D')


def augmentation_of(dataset: SkeletonDataset) -> list[Any]:
    """Return the transforms of a pipeline that come before streams, formatting and packing."""
    transforms = []
    for transform in dataset.pipeline.transforms:
        name = type(transform).__name__
        if name in _END_OF_AUGMENTATION or name.startswith('Pack'):
            break
        transforms.append(transform)
    return transforms


def augment(dataset: SkeletonDataset, index: int, draws: int, seed: int = 0) -> list[dict]:
    """Run the augmentation on one item several times, as in successive epochs.

    Gives what is in the pipeline before the streams, for each draw that it did not give up.
    """
    drawn = []
    for epoch in range(draws):
        results = dataset.get_data_info(index)
        with seeded(seed, epoch, index):
            for transform in augmentation_of(dataset):
                results = transform(results) if results is not None else None
        drawn.append(results)
    return [results for results in drawn if results is not None]


def browse(
    dataset: SkeletonDataset,
    indices: Sequence[int],
    out: str | os.PathLike,
    *,
    composites: str | os.PathLike | None = None,
    draws: int = 2,
    motion: str | None = 'gif',
    fps: float = 30.0,
) -> Iterator[Path]:
    """Write a page and a moving picture of each item, and yield each file when it is written.

    The page shows ``draws`` outcomes of the data set's own pipeline and, from the folder
    ``composites``, the image ``<sample name>.jpg``; ``motion`` is ``'gif'``, ``'mp4'`` or None.
    """
    taken: set[str] = set()
    for index in indices:
        item = dataset.get_data_info(index)
        name = item['sample_name']
        picture = None
        if composites is not None:
            picture = read_picture(sample_file(composites, name, '.jpg'))
        stem = file_name(name, taken)
        page = Path(out) / f'{stem}.png'
        save_figure(draw_sample_sheet(_sheet(dataset, index, item, picture, draws)), page)
        yield page
        if motion is not None:
            moving = Path(out) / f'{stem}.{motion}'
            write_motion(moving, item['keypoint'], item['layout'], fps=fps, picture=picture)
            yield moving


def read_picture(path: Path) -> np.ndarray | None:
    """Read an image, (H, W, 3), uint8, RGB; None where there is none, ValueError if unreadable."""
    if not path.is_file():
        return None
    with name_file(path):
        image = decode_image(path.read_bytes())
    if image is None:
        raise ValueError(f'{path} cannot be decoded')
    return image[..., ::-1]


def _sheet(
    dataset: SkeletonDataset, index: int, item: dict, picture: np.ndarray | None, draws: int
) -> SampleSheet:
    drawn = augment(dataset, index, draws)
    names = [type(transform).__name__ for transform in augmentation_of(dataset)]
    M, T = item['keypoint'].shape[:2]
    classes = dataset.metainfo.get('classes')
    label = classes[item['label']] if classes else f'class {item["label"]}'
    return SampleSheet(
        title=printable(
            f'{item["sample_name"]}: {label}, {counted(M, "person")}, {counted(T, "frame")}'
        ),
        keypoint=item['keypoint'],
        layout=item['layout'],
        centered=CenterSkeleton()(dict(item))['keypoint'],
        augmented=[results['keypoint'] for results in drawn],
        augmented_layout=drawn[0]['layout'] if drawn else '',
        augmented_vertical=2 if set(names) & set(_UPRIGHT_ALONG_Z) else 1,
        picture=picture,
    )
