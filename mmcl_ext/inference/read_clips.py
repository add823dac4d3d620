"""Clips out of arrays, stores and the files of data sets and pose estimators."""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mmcl_ext.datasets.converters.conversion import DroppedSampleError
from mmcl_ext.datasets.converters.custom import CustomReader
from mmcl_ext.datasets.converters.ntu import NTUReader
from mmcl_ext.datasets.converters.utd_mhad import read_utd_mhad_skeleton
from mmcl_ext.datasets.store import SkeletonStore
from mmcl_ext.fileio.archive_file import ArchiveFile
from mmcl_ext.fileio.safe_pickle import load_pickle
from mmcl_ext.graphs.layouts import get_layout
from mmcl_ext.inference.pose_results import (
    clip_from_annotation,
    clip_from_frames,
    guess_layout,
    is_pose_frames,
)
from mmcl_ext.inference.skeleton_clip import SkeletonClip

SEPARATOR = '::'
"""Between the path of a store, or of a pickle, and the name of a sample or of a split."""

Source = Any
"""A clip, an array, a store, an annotation or a path; see :func:`read_clips`."""

ClipReader = Callable[[], SkeletonClip]
"""Reads one clip; raises ValueError where it cannot be used."""


def read_clips(
    source: Source, layout: str | None = None, *, model_layout: str = 'nturgb+d'
) -> Iterator[SkeletonClip]:
    """Read the clips of one source.

    - :class:`SkeletonClip`: as it is.
    - array (T, V, C) or (M, T, V, C).
    - :class:`SkeletonStore`, or the path of a ``.safetensors`` one: all its samples, or after
      ``::`` one sample or one split (``data/utd_mhad.safetensors::xsub_test``).
    - dict or list of dicts: MMAction2's annotations or pose results, MMPose's results.
    - ``.skeleton`` of NTU RGB+D; ``.mat`` of UTD-MHAD; ``.json`` of NW-UCLA or MMPose; ``.pkl``
      of MMAction2 or PYSKL (never executed), with ``::`` as for stores; ``.npy`` and ``.csv``
      as :class:`CustomReader` takes them.

    Args:
        source: One of these.
        layout: Name of the layout of the joints, where the source does not say it.
        model_layout: Layout to take where nothing says or shows another one.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is damaged or of another kind, or lacks the sample.
        TypeError: The source is none of these.
    """
    for read in clip_readers(source, layout, model_layout=model_layout):
        yield read()


def clip_readers(
    source: Source, layout: str | None = None, *, model_layout: str = 'nturgb+d'
) -> Iterator[ClipReader]:
    """Find the clips of one source without reading them: after a bad one the others can go on.

    Arguments and errors are those of :func:`read_clips`.
    """
    if isinstance(source, SkeletonClip):
        yield lambda: source
    elif isinstance(source, np.ndarray):
        yield lambda: SkeletonClip.from_array(source, layout=layout)
    elif isinstance(source, SkeletonStore):
        yield from _from_store(source, '', layout)
    elif isinstance(source, (str, os.PathLike)):
        yield from _from_path(os.fspath(source), layout, model_layout)
    elif isinstance(source, (Mapping, list)):
        yield from _from_content(source, 'pose results', layout)
    else:
        raise TypeError(
            f'a clip is an array, a path, a store, a dict or a list of dicts, got {source!r}'
        )


def _from_path(text: str, layout: str | None, model_layout: str) -> Iterator[ClipReader]:
    path, _, wanted = text.partition(SEPARATOR)
    if not Path(path).is_file():
        raise FileNotFoundError(f'there is no file {path!r}')
    suffix = Path(path).suffix.lower()
    if suffix == '.safetensors':
        yield from _from_store(SkeletonStore(path), wanted, layout)
        return
    if suffix == '.pkl':
        yield from _from_pickle(path, wanted, layout)
        return
    if suffix not in _READERS:
        known = sorted([*_READERS, '.pkl', '.safetensors'])
        raise ValueError(f'{path}: unknown kind of file; known are {known}')
    if wanted:
        raise ValueError(f'{path} holds one clip, it cannot be asked for {wanted!r}')
    yield partial(_from_file, path, suffix, layout, model_layout)


def _from_file(path: str, suffix: str, layout: str | None, model_layout: str) -> SkeletonClip:
    try:
        return _READERS[suffix](ArchiveFile(Path(path)), layout, model_layout)
    except DroppedSampleError as error:
        raise ValueError(f'{path}: {error}') from error


def _from_store(store: SkeletonStore, wanted: str, layout: str | None) -> Iterator[ClipReader]:
    for place, i in enumerate(_positions(store, wanted)):
        yield partial(clip_from_store, store, i, place, layout)


def clip_from_store(
    store: SkeletonStore, i: int, place: int = 0, layout: str | None = None
) -> SkeletonClip:
    """Read one sample of a store.

    Args:
        store: The store.
        i: Position of the sample in it.
        place: Position of the clip among those that are read.
        layout: Layout of the joints in place of the store's.
    """
    return SkeletonClip(
        store.names[i],
        store.keypoint(i),
        layout or store.layout,
        keypoint_score=store.keypoint_score(i),
        label=store.labels.item(i),
        index=place,
    )


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


def _from_pickle(path: str, wanted: str, layout: str | None) -> Iterator[ClipReader]:
    content = load_pickle(path)
    if isinstance(content, Mapping) and 'annotations' in content:
        splits, content = content.get('split') or {}, content['annotations']
        _check_annotations(content, path)
        names = set(splits.get(wanted, [wanted])) if wanted else None
        content = [a for a in content if names is None or _name(a) in names]
        if not content:
            raise ValueError(f'{path} has no sample or split {wanted!r}')
    elif wanted:
        raise ValueError(f'{path} has no splits, it cannot be asked for {wanted!r}')
    elif not is_pose_frames(content):
        _check_annotations([content] if isinstance(content, Mapping) else content, path)
    yield from _from_content(content, Path(path).stem, layout)


def _check_annotations(content: Any, path: str) -> None:
    """Say what a pickle holds that does not hold skeletons, a file of scores, say."""
    if not isinstance(content, list):
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


def _from_content(content: Any, name: str, layout: str | None) -> Iterator[ClipReader]:
    if isinstance(content, Mapping) and 'keypoint' in content:
        yield partial(_annotation, content, 0, layout)
    elif is_pose_frames(content):
        yield partial(clip_from_frames, content, name, layout)
    elif isinstance(content, list) and content:
        if not all(isinstance(item, Mapping) for item in content):
            raise ValueError(f'{name}: expected a list of dicts, got {type(content[0]).__name__}')
        for index, item in enumerate(content):
            yield partial(_annotation, item, index, layout)
    else:
        raise ValueError(f'{name}: neither annotations nor results of a pose estimation')


def _annotation(annotation: Mapping[str, Any], index: int, layout: str | None) -> SkeletonClip:
    return replace(clip_from_annotation(annotation, layout=layout), index=index)


def _read_skeleton(member: ArchiveFile, layout: str | None, model_layout: str) -> SkeletonClip:
    """Read NTU RGB+D in the preprocessing of the model's layout, as ``convert_ntu`` would."""
    ours = layout or (model_layout if model_layout.startswith('nturgb+d') else 'nturgb+d')
    preprocessing = 'ctrgcn' if ours == 'nturgb+d-ctrgcn' else 'pyskl'
    read = NTUReader(preprocessing, translate=preprocessing == 'ctrgcn')
    return SkeletonClip(_stem(member, '.skeleton'), read(member), ours)


def _read_mat(member: ArchiveFile, layout: str | None, model_layout: str) -> SkeletonClip:
    name = _stem(member, '.mat').removesuffix('_skeleton')
    return SkeletonClip(name, read_utd_mhad_skeleton(member), layout or 'kinect_v1')


def _read_json(member: ArchiveFile, layout: str | None, model_layout: str) -> SkeletonClip:
    try:
        content = json.loads(member.read())
    except ValueError as error:
        raise ValueError(f'{member}: not JSON: {error}') from error
    name = _stem(member, '.json')
    if is_pose_frames(content):
        return clip_from_frames(content, name, layout)
    joints = content.get('skeletons') if isinstance(content, dict) else None
    if joints is None:
        raise ValueError(f'{member}: neither results of MMPose nor a sequence of NW-UCLA')
    try:
        array = np.array(joints, np.float32)
    except (TypeError, ValueError) as error:
        raise ValueError(f'{member}: field skeletons: {error}') from error
    if array.ndim != 3 or not array.size:
        raise ValueError(f'{member}: field skeletons: expected (T, V, C), got {array.shape}')
    return SkeletonClip(name, array[None], layout or guess_layout(array.shape[1], name))


def _read_custom(member: ArchiveFile, layout: str | None, model_layout: str) -> SkeletonClip:
    name = member.path.stem
    arrays = CustomReader(get_layout(layout or model_layout).name)(member)
    return SkeletonClip.from_array(
        arrays['keypoint'], name, layout, keypoint_score=arrays.get('keypoint_score')
    )


def _stem(member: ArchiveFile, suffix: str) -> str:
    return member.name[: -len(suffix)]


_READERS: dict[str, Callable[[ArchiveFile, str | None, str], SkeletonClip]] = {
    '.csv': _read_custom,
    '.json': _read_json,
    '.mat': _read_mat,
    '.npy': _read_custom,
    '.skeleton': _read_skeleton,
}
