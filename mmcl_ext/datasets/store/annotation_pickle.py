"""Annotations in the pickle layout of MMAction2 and PYSKL."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmcl_ext.datasets.store.name_table import (
    MOST_CLASSES,
    is_pickle,
    repeated,
    split_positions,
)
from mmcl_ext.datasets.store.skeleton_array import skeleton_array
from mmcl_ext.datasets.store.skeleton_store import SkeletonStore
from mmcl_ext.fileio.as_float32 import as_float32
from mmcl_ext.fileio.name_file import DAMAGE, name_file, names_file
from mmcl_ext.fileio.printable import bounded_repr, counted
from mmcl_ext.fileio.safe_pickle import load_pickle
from mmcl_ext.graphs.layouts import get_layout, load_layout, usual_layout


class AnnotationPickle:
    """Skeletons of a PYSKL or MMAction2 annotation pickle, with a store's interface.

    The file is ``dict(split=dict(name: [frame_dir, ...]), annotations=[dict, ...])`` or the bare
    list of annotations; each has ``frame_dir`` (or ``filename``), ``label`` and ``keypoint`` (M, T,
    V, C), two-dimensional ones ``keypoint_score`` (M, T, V); see :func:`annotation_arrays`. The
    whole file is held in memory: convert large ones once (``tools/data/convert.py pickle``). It is
    read without running it, see :mod:`mmcl_ext.fileio.safe_pickle`; the layout is by default
    guessed from the number of joints. A ValueError if the file is refused, or an annotation is not
    of this layout, which names the file, the sample and the field.
    """

    classes: tuple[str, ...] | None = None

    @names_file
    def __init__(self, path: str | os.PathLike, layout: str | None = None) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise FileNotFoundError(f'no annotation file at {self.path}')
        content = load_pickle(self.path)
        if isinstance(content, list | tuple):
            content = dict(split={}, annotations=content)
        if not isinstance(content, Mapping) or not {'split', 'annotations'} <= set(content):
            raise ValueError(f"{self.path}: expected a dict with 'split' and 'annotations'")
        annotations = content['annotations']
        if not isinstance(annotations, list | tuple) or not annotations:
            raise ValueError(f'{self.path} holds no annotations')
        self._annotations: list[Mapping[str, Any]] = list(annotations)
        self.names = [self._name(i) for i in range(len(self))]
        self.labels = np.array([self._label(i) for i in range(len(self))], np.int64)
        self._annotations = [self._with_arrays(i) for i in range(len(self))]
        self.layout = layout or self._guess_layout()
        self.num_nonfinite = np.array([self._check(i) for i in range(len(self))], np.int64)
        if not isinstance(content['split'], Mapping):
            raise ValueError(f"{self.path}: field 'split': expected a dict of lists of names")
        self.splits = {
            key: split_places(self.path, key, members, self.names)
            for key, members in content['split'].items()
        }

    def __len__(self) -> int:
        return len(self._annotations)

    def split(self, name: str) -> np.ndarray:
        """Return the positions of the samples of a split: int64, see :func:`split_positions`."""
        return split_positions(self.path, self.splits, name)

    def keypoint(self, index: int) -> np.ndarray:
        """Return the coordinates of one sample: a fresh float32 array (M, T, V, C)."""
        return as_float32(self._annotations[index]['keypoint'])

    def keypoint_score(self, index: int) -> np.ndarray | None:
        """Return the confidences of one sample, float32 (M, T, V), or None."""
        score = self._annotations[index].get('keypoint_score')
        return None if score is None else as_float32(score)

    def extra(self, index: int) -> dict[str, Any]:
        """Return what else the annotation says, such as ``img_shape``."""
        known = ('frame_dir', 'filename', 'label', 'keypoint', 'keypoint_score', 'total_frames')
        return {k: v for k, v in self._annotations[index].items() if k not in known}

    def _name(self, index: int) -> str:
        annotation = self._annotations[index]
        if not isinstance(annotation, Mapping):
            raise ValueError(f'{self.path}: annotation {index} is a {type(annotation).__name__}')
        name = annotation.get('filename', annotation.get('frame_dir'))
        if not isinstance(name, str):
            problem = f"field 'frame_dir': got {bounded_repr(name)}"
            raise ValueError(f'{self.path}: annotation {index}: {problem}')
        return name

    def _label(self, index: int) -> int:
        label = self._annotations[index].get('label')
        is_whole = isinstance(label, int | np.integer) and not isinstance(label, bool)
        if label is None or not is_whole or not 0 <= label < MOST_CLASSES:
            problem = f'expected an integer from 0 to {MOST_CLASSES - 1}, got {bounded_repr(label)}'
            raise self._fail(index, 'label', problem)
        return int(label)

    def _guess_layout(self) -> str:
        num_joints = self._annotations[0]['keypoint'].shape[2]
        layout = usual_layout(num_joints)
        if layout is None:
            problem = f'needs a layout: V = {num_joints} is not known'
            raise self._fail(0, 'keypoint', problem)
        return layout

    def _with_arrays(self, index: int) -> Mapping[str, Any]:
        annotation = self._annotations[index]
        where = f'{self.path}: sample {bounded_repr(self.names[index])}'
        keypoint, score = annotation_arrays(annotation, where)
        return dict(annotation, keypoint=keypoint, keypoint_score=score)

    def _check(self, index: int) -> int:
        """Check the arrays of one annotation and count the coordinates that are not finite."""
        keypoint = self._annotations[index]['keypoint']
        if keypoint.shape[2] != get_layout(self.layout).num_joints:
            problem = f'{keypoint.shape[2]} joints do not fit the layout {self.layout!r}'
            raise self._fail(index, 'keypoint', problem)
        return keypoint.size - int(np.isfinite(keypoint).sum())

    def _fail(self, index: int, field: str, problem: str) -> ValueError:
        name = bounded_repr(self.names[index])
        return ValueError(f'{self.path}: sample {name}: field {field!r}: {problem}')


def split_places(path: object, key: object, members: Any, names: Sequence[Any]) -> np.ndarray:
    """Return where the samples of a split lie, int64, in the order of the annotations.

    ``members`` is what the file gives as the names of its samples, ``names`` those of all. A
    ValueError if it is no list of names, names an unknown sample, or one twice.
    """
    is_list = isinstance(members, list | tuple | set | frozenset | np.ndarray)
    if (
        not is_list
        or not isinstance(key, str)
        or not all(isinstance(name, str) for name in members)
    ):
        raise ValueError(f'{path}: split {bounded_repr(key)} is no list of names')
    wanted = set(members)
    known = wanted.intersection(names)
    if known != wanted:
        unknown = sorted(wanted - known)[0]
        problem = f'names the unknown sample {bounded_repr(unknown)}'
        raise ValueError(f'{path}: split {bounded_repr(key)} {problem}')
    found = np.array([i for i, name in enumerate(names) if name in wanted], np.int64)
    if not len(members) == len(wanted) == len(found):
        told = [*members, *(names[i] for i in found.tolist() if len(found) > len(wanted))]
        twice = bounded_repr(repeated(told))
        raise ValueError(f'{path}: split {bounded_repr(key)}: sample {twice} comes twice')
    return found


def annotation_arrays(
    annotation: Mapping[str, Any], where: str
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the coordinates (M, T, V, C) of an annotation, and its confidences (M, T, V) or None.

    Those of one person may lack the first axis. Nested lists become float32 arrays. A ValueError,
    which begins with ``where`` and the field, if they are no numbers, of other shapes, or unlike
    ``total_frames``.
    """
    if annotation.get('keypoint') is None:  # Kinetics: each annotation points to a file of its own
        raise ValueError(f"{where}: field 'keypoint': the annotation has no coordinates")
    with name_file(f"{where}: field 'keypoint'", DAMAGE):
        keypoint = skeleton_array(_as_array(annotation['keypoint']), 'MTVC')
    frames, score = keypoint.shape[1], None
    if annotation.get('keypoint_score') is not None:
        with name_file(f"{where}: field 'keypoint_score'", DAMAGE):
            score = _as_array(annotation['keypoint_score'])
            score = score[None] if score.ndim == 2 else score
            if score.shape != keypoint.shape[:3] or score.dtype.kind not in 'fiu':
                got = f'{score.dtype} of {score.shape}'
                raise ValueError(f'expected numbers {keypoint.shape[:3]}, got {got}')
    told = annotation.get('total_frames', frames)
    if not isinstance(told, int | np.integer) or told != frames:
        problem = f'{bounded_repr(told)}, but keypoint has {counted(frames, "frame")}'
        raise ValueError(f"{where}: field 'total_frames': {problem}")
    return keypoint, score


def _as_array(values: Any) -> np.ndarray:
    return values if isinstance(values, np.ndarray) else as_float32(values)


def open_annotation(
    path: str | os.PathLike, layout: str | Mapping[str, Any] | None = None
) -> SkeletonStore | AnnotationPickle:
    """Open an annotation pickle (``.pkl``, ``.pickle``), or else a store.

    A ValueError if ``layout`` (name, file or description) has other joints than the file.
    """
    name = None if layout is None else load_layout(layout)
    if is_pickle(path):
        return AnnotationPickle(path, name)
    store = SkeletonStore(path)
    if name and get_layout(name).num_joints != store.num_joints:
        raise ValueError(
            f'{path} holds {store.num_joints} joints, which do not fit the layout {name!r}'
        )
    return store
