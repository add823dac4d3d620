"""Pictures of the samples of a data set: one sample on one page, and in motion."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mmcl_ext.datasets.seeding import seeded
from mmcl_ext.datasets.skeleton_dataset import SkeletonDataset
from mmcl_ext.datasets.transforms import CenterSkeleton, SkeletonStream
from mmcl_ext.fileio.file_name import file_name, sample_file
from mmcl_ext.fileio.image import decode_image
from mmcl_ext.fileio.name_file import name_file
from mmcl_ext.fileio.printable import counted, printable
from mmcl_ext.graphs.layouts import get_layout
from mmcl_ext.visualization.motion import write_motion
from mmcl_ext.visualization.new_figure import new_figure
from mmcl_ext.visualization.prediction_figure import save_figure
from mmcl_ext.visualization.skeleton_plot import draw_sequence

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

STREAMS = ('joint', 'bone', 'joint_motion', 'bone_motion')


@dataclass(frozen=True)
class SampleSheet:
    """What the page of a sample shows.

    The ``keypoint`` (M, T, V, C) as stored, and ``centered`` around an origin on the body, for the
    streams; ``augmented`` outcomes of the training pipeline, each (M', T', V', C'), in a layout of
    their own, whose vertical coordinate has a number; the composite, (H, W, 3), uint8, RGB.
    """

    title: str
    keypoint: np.ndarray
    layout: str
    centered: np.ndarray
    augmented: Sequence[np.ndarray] = field(default_factory=tuple)
    augmented_layout: str = ''
    augmented_vertical: int = 1
    picture: np.ndarray | None = None


def draw_sample_sheet(sheet: SampleSheet) -> 'Figure':
    """Draw the page of one sample."""
    rows = [1.0 if sheet.keypoint.shape[-1] == 2 else 2.0, 1.5]
    rows += [float(len(sheet.augmented))] if len(sheet.augmented) else []
    figure = new_figure(figsize=(13, 0.6 + 2.0 * sum(rows)), layout='constrained')
    parts = figure.subfigures(len(rows), 1, squeeze=False, height_ratios=rows)[:, 0]
    figure.suptitle(sheet.title, fontsize=12)
    _draw_views(parts[0], sheet)
    _draw_streams(parts[1], sheet)
    if len(rows) == 3:
        _draw_augmented(parts[2], sheet)
    return figure


def _draw_views(part: 'SubFigure', sheet: SampleSheet) -> None:
    widths = (2.6, 1.0) if sheet.picture is not None else (1.0,)
    left, *right = part.subfigures(1, len(widths), squeeze=False, width_ratios=widths)[0]
    views = {'front': sheet.keypoint}
    if sheet.keypoint.shape[-1] == 3:
        views['side (towards the camera is left)'] = sheet.keypoint[..., ::-1]
    table = left.subplots(len(views), 1, squeeze=False)[:, 0]
    for axes, (title, keypoint) in zip(table, views.items(), strict=True):
        _draw(axes, title, keypoint, sheet.layout, 1)
    for panel in right:
        axes = panel.subplots()
        axes.imshow(sheet.picture)
        axes.axis('off')
        axes.set_title('composite', fontsize=9, loc='left')


def _draw_streams(part: 'SubFigure', sheet: SampleSheet) -> None:
    table = part.subplots(1, 4)
    lengths = stream_lengths(sheet.centered, sheet.layout)
    for axes, (stream, values) in zip(table, lengths.items(), strict=True):
        draw_stream(axes, values, sheet.layout, stream, named=axes is table[0])


def _draw_augmented(part: 'SubFigure', sheet: SampleSheet) -> None:
    table = part.subplots(len(sheet.augmented), 1, squeeze=False)[:, 0]
    for draw, (axes, keypoint) in enumerate(zip(table, sheet.augmented, strict=True)):
        title = f'after augmentation, draw {draw + 1} ({counted(keypoint.shape[1], "frame")})'
        _draw(axes, title, keypoint, sheet.augmented_layout, sheet.augmented_vertical)


def _draw(axes: 'Axes', title: str, keypoint: np.ndarray, layout: Any, vertical: int) -> None:
    axes.set_title(title, fontsize=9, loc='left')
    if not np.isfinite(keypoint).any() or not keypoint.any():
        axes.text(0.5, 0.5, 'nobody is in the sample', ha='center')
        axes.axis('off')
        return
    upwards = keypoint.shape[-1] == 3
    draw_sequence(axes, keypoint, layout, num_frames=9, vertical=vertical, upwards=upwards)


def stream_lengths(keypoint: np.ndarray, layout: str) -> dict[str, np.ndarray]:
    """Return for each of the four streams of (M, T, V, C) the lengths (V, T) of person 0's vectors.

    The coordinates are around an origin on the body.
    """
    lengths = {}
    for stream in STREAMS:
        results = SkeletonStream(stream)(dict(keypoint=keypoint, layout=layout))
        lengths[stream] = np.linalg.norm(results['keypoint'][0], axis=-1).T
    return lengths


def draw_stream(
    axes: 'Axes', lengths: np.ndarray, layout: str, title: str = '', *, named: bool = True
) -> None:
    """Draw lengths (V, T): a row per joint, a column per frame, darker where vectors are longer."""
    names = [printable(name, 40) for name in get_layout(layout).joint_names]
    if lengths.ndim != 2 or len(lengths) != len(names):
        raise ValueError(f'expected ({len(names)}, T) for layout {layout!r}, got {lengths.shape}')
    axes.imshow(lengths, aspect='auto', cmap='magma_r', vmin=0, interpolation='nearest')
    axes.set_title(f'{title} (up to {np.nanmax(lengths):.3g})', fontsize=9, loc='left')
    axes.set_yticks(range(len(names)) if named else [], names if named else [], fontsize=5.5)
    axes.tick_params(axis='x', labelsize=6)


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
    folder = None if composites is None else picture_folder(composites)
    for index in indices:
        item = dataset.get_data_info(index)
        name = item['sample_name']
        picture = None
        if folder is not None:
            picture = read_picture(sample_file(folder, name, '.jpg'))
        stem = file_name(name, taken)
        page = Path(out) / f'{stem}.png'
        save_figure(draw_sample_sheet(_sheet(dataset, index, item, picture, draws)), page)
        yield page
        if motion is not None:
            moving = Path(out) / f'{stem}.{motion}'
            write_motion(moving, item['keypoint'], item['layout'], fps=fps, picture=picture)
            yield moving


def picture_folder(path: str | os.PathLike) -> Path:
    """Return a folder of pictures; a FileNotFoundError says that there is none."""
    if not Path(path).is_dir():
        raise FileNotFoundError(f'there is no folder of composites {os.fspath(path)!r}')
    return Path(path)


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
