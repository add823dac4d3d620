import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mmcl_ext.datasets.converters.pose_formats import FrameFiles, join_frames
from mmcl_ext.datasets.converters.pose_results import is_pose_frames
from mmcl_ext.datasets.store import SkeletonStore
from mmcl_ext.datasets.store.annotation_pickle import split_places
from mmcl_ext.datasets.store.name_table import is_pickle
from mmcl_ext.fileio.archive_file import ArchiveFile
from mmcl_ext.fileio.name_file import DAMAGE, name_file, names_file
from mmcl_ext.fileio.read_json import read_json
from mmcl_ext.fileio.safe_pickle import load_pickle
from mmcl_ext.graphs.layouts import load_layout
from mmcl_ext.inference.skeleton_clip import SkeletonClip

SEPARATOR = '::'
"""Between the path of a store, or of a pickle, and the name of a sample or of a split."""

Source = (
    SkeletonClip
    | np.ndarray
    | SkeletonStore
    | str
    | os.PathLike
    | Mapping[str, Any]
    | list[Mapping[str, Any]]
)
"""A clip, an array, a store, an annotation or a path; see :func:`read_clips`."""


@dataclass(frozen=True)
class ClipDefaults:
    """What is taken where a source does not say how its clips are to be read.

    Attributes:
        layout: Layout of the joints, where nothing shows another.
        axes: Order of the axes of arrays, see :func:`skeleton_array`.
        metric: Take the joints in metres of pose files that have them, not those in pixels.
    """

    layout: str = 'nturgb+d'
    axes: str | None = None
    metric: bool = True


DEFAULTS = ClipDefaults()
ClipReader = Callable[[], SkeletonClip]
"""Reads one clip; raises ValueError where it cannot be used."""


def read_clips(
    source: Source, layout: str | None = None, defaults: ClipDefaults = DEFAULTS
) -> Iterator[SkeletonClip]:
    """Read the clips of one source.

    - :class:`SkeletonClip`: as it is.
    - array (T, V, C) or (M, T, V, C).
    - :class:`SkeletonStore`, or the path of a ``.safetensors`` one: all its samples, or after
      ``::`` one sample or one split (``data/utdmhad.safetensors::xsub_test``).
    - dict or list of dicts: MMAction2's annotations or pose results, MMPose's results.
    - folder of OpenPose's ``NAME_000000000000_keypoints.json``: a clip for each NAME.
    - ``.skeleton`` of NTU RGB+D; ``.mat`` of UTD-MHAD; ``.json`` of NW-UCLA, MMPose, OpenPose,
      MediaPipe or Ultralytics; ``.pkl``
      of MMAction2 or PYSKL (never executed), with ``::`` as for stores; ``.npy`` and ``.csv``
      as :class:`CustomReader` takes them.

    ``layout`` is that of the joints where the source does not say it, see :func:`load_layout`. A
    file that is damaged or of another kind, or lacks the sample, is a ValueError.
    """
    for read in clip_readers(source, layout, defaults):
        yield read()


def clip_readers(
    source: Source, layout: str | None = None, defaults: ClipDefaults = DEFAULTS
) -> Iterator[ClipReader]:
    """Find the clips of one source unread: after a bad one the others of it can go on."""
    layout = layout and load_layout(layout)
    if isinstance(source, SkeletonClip):
        yield lambda: source
    elif isinstance(source, np.ndarray):
        yield lambda: SkeletonClip.from_array(source, layout=layout, axes=defaults.axes)
    elif isinstance(source, SkeletonStore):
        yield from _from_store(source, '', layout)
    elif isinstance(source, (str, os.PathLike)):
        path = os.fspath(source).partition(SEPARATOR)[0]
        with name_file(path, DAMAGE):
            for read in _from_path(os.fspath(source), layout, defaults):
                yield partial(_read_named, path, read)
    elif isinstance(source, (Mapping, list)):
        yield from _from_content(source, 'pose results', layout, defaults)
    else:
        raise TypeError(
            f'a clip is an array, a path, a store, a dict or a list of dicts, got {source!r}'
        )


def _from_path(text: str, layout: str | None, defaults: ClipDefaults) -> Iterator[ClipReader]:
    path, _, wanted = text.partition(SEPARATOR)
    if Path(path).is_dir():
        yield from _from_folder(Path(path), wanted, layout, defaults)
        return
    if not Path(path).is_file():
        raise FileNotFoundError(f'there is no file {path!r}')
    suffix = Path(path).suffix.lower()
    if suffix == '.safetensors':
        yield from _from_store(SkeletonStore(path), wanted, layout)
        return
    if is_pickle(path):
        yield from _from_pickle(path, wanted, layout, defaults)
        return
    if suffix not in _READERS:
        known = sorted([*_READERS, '.pkl', '.safetensors'])
        raise ValueError(f'{path}: unknown kind of file; known are {known}')
    if wanted:
        raise ValueError(f'{path} holds one clip, it cannot be asked for {wanted!r}')
    yield partial(_READERS[suffix], path, layout, defaults)


def _from_folder(
    path: Path, wanted: str, layout: str | None, defaults: ClipDefaults
) -> Iterator[ClipReader]:
    """Find the videos of a folder of OpenPose's files, one for each frame."""
    found = join_frames({file.name: ArchiveFile(file) for file in sorted(path.glob('*.json'))})
    clips = {Path(name).stem: file for name, file in found.items() if isinstance(file, FrameFiles)}
    if wanted:
        clips = {name: file for name, file in clips.items() if name == wanted}
    if not clips:
        what = f'no video {wanted!r} among' if wanted else 'no'
        raise ValueError(
            f'{path} is a folder with {what} results of OpenPose: '
            'NAME_000000000000_keypoints.json for each frame'
        )
    for name, file in clips.items():
        yield partial(_from_frames, file, name, layout, defaults)


def _from_frames(
    file: ArchiveFile, name: str, layout: str | None, defaults: ClipDefaults
) -> SkeletonClip:
    return SkeletonClip.from_pose_frames(read_json(file), name, layout, defaults.metric)


@names_file
def _read_named(path: str, read: ClipReader) -> SkeletonClip:
    return read()


def _from_store(store: SkeletonStore, wanted: str, layout: str | None) -> Iterator[ClipReader]:
    for place, i in enumerate(_positions(store, wanted)):
        yield partial(SkeletonClip.from_store, store, i, layout, place)


def _positions(store: SkeletonStore, wanted: str) -> Sequence[int]:
    if not wanted:
        return range(len(store))
    if wanted in store.splits:
        return store.splits[wanted].tolist()
    try:
        return [store.names.index(wanted)]
    except ValueError:
        raise ValueError(
            f'{store.path} has no sample or split {wanted!r}; its splits are {sorted(store.splits)}'
        ) from None


def _from_pickle(
    path: str, wanted: str, layout: str | None, defaults: ClipDefaults
) -> Iterator[ClipReader]:
    content = load_pickle(path)
    if isinstance(content, Mapping) and 'annotations' in content:
        splits, content = content.get('split') or {}, content['annotations']
        _check_annotations(content, path)
        if wanted:
            names = [_name(annotation) for annotation in content]
            if wanted in splits:
                places = split_places(path, wanted, splits[wanted], names).tolist()
            else:
                places = [i for i, name in enumerate(names) if name == wanted]
            content = [content[i] for i in places]
        if not content:
            raise ValueError(f'{path} has no sample or split {wanted!r}')
    elif wanted:
        raise ValueError(f'{path} has no splits, it cannot be asked for {wanted!r}')
    elif not is_pose_frames(content):
        _check_annotations([content] if isinstance(content, Mapping) else content, path)
    yield from _from_content(content, Path(path).stem, layout, defaults)


def _check_annotations(content: Any, path: str) -> None:
    """Say what a pickle holds that does not hold skeletons, a file of scores, say."""
    if not isinstance(content, list | tuple):
        held = type(content).__name__
    elif not content:
        held = 'empty list'
    elif not isinstance(content[0], Mapping):
        held = f'list of {type(content[0]).__name__}'
    elif 'keypoint' not in content[0]:
        held = f'dict with {sorted(map(str, content[0]))[:8]}'
    else:
        return
    raise ValueError(
        f"{path} holds no skeletons: expected annotations, which are dicts with 'keypoint', or "
        f'results of a pose estimation; found: {held}'
    )


def _name(annotation: Any) -> str | None:
    return annotation.get('filename', annotation.get('frame_dir'))


def _from_content(
    content: Any, name: str, layout: str | None, defaults: ClipDefaults
) -> Iterator[ClipReader]:
    if isinstance(content, Mapping) and 'keypoint' in content:
        yield partial(SkeletonClip.from_annotation, content, None, layout)
    elif is_pose_frames(content):
        yield partial(SkeletonClip.from_pose_frames, content, name, layout, defaults.metric)
    elif isinstance(content, list | tuple) and content:
        if not all(isinstance(item, Mapping) for item in content):
            raise ValueError(f'{name}: expected a list of dicts, got {type(content[0]).__name__}')
        for index, item in enumerate(content):
            yield partial(SkeletonClip.from_annotation, item, None, layout, index)
    else:
        raise ValueError(f'{name}: neither annotations nor results of a pose estimation')


def _from_json(path: str, layout: str | None, defaults: ClipDefaults) -> SkeletonClip:
    content = read_json(path)
    if is_pose_frames(content):
        return SkeletonClip.from_pose_frames(content, Path(path).stem, layout, defaults.metric)
    return SkeletonClip.from_nwucla_json(path, layout)


def _from_ntu(path: str, layout: str | None, defaults: ClipDefaults) -> SkeletonClip:
    """Read NTU RGB+D in the preprocessing of the model's layout."""
    ours = defaults.layout if defaults.layout.startswith('nturgb+d') else 'nturgb+d'
    return SkeletonClip.from_ntu_skeleton(path, layout or ours)


_READERS: dict[str, Callable[[str, str | None, ClipDefaults], SkeletonClip]] = {
    '.csv': lambda path, layout, given: SkeletonClip.from_csv(path, layout or given.layout),
    '.json': _from_json,
    '.mat': lambda path, layout, _: SkeletonClip.from_utdmhad_mat(path, layout or 'kinect_v1'),
    '.npy': lambda path, layout, given: SkeletonClip.from_npy(
        path, layout or given.layout, given.axes
    ),
    '.skeleton': _from_ntu,
}
"""How to read a file with one clip: path, layout or None, what is taken by default."""
