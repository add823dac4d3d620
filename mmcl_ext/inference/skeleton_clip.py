import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from mmcl_ext.datasets.converters.conversion import DroppedSampleError
from mmcl_ext.datasets.converters.custom import CustomReader
from mmcl_ext.datasets.converters.ntu import NTUReader
from mmcl_ext.datasets.converters.pose_results import is_pose_frames, read_pose_frames
from mmcl_ext.datasets.converters.utdmhad import read_utdmhad_skeleton
from mmcl_ext.datasets.store import SkeletonStore
from mmcl_ext.datasets.store.annotation_pickle import annotation_arrays
from mmcl_ext.datasets.store.skeleton_array import skeleton_array
from mmcl_ext.fileio.archive_file import ArchiveFile
from mmcl_ext.fileio.as_float32 import as_float32
from mmcl_ext.fileio.name_file import DAMAGE, name_file
from mmcl_ext.fileio.printable import bounded_repr
from mmcl_ext.fileio.read_json import read_json
from mmcl_ext.graphs.layouts import usual_layout

_ANNOTATION_KEYS = ('keypoint', 'keypoint_score', 'label', 'frame_dir', 'filename')


@dataclass(frozen=True, eq=False)
class SkeletonClip:
    """One sequence of skeletons; a constructor for each kind of input reads it.

    What is damaged, of another kind or of other shape is a ValueError that names clip or file.

    Attributes:
        keypoint: (M, T, V, C) float32; absent bodies and joints are zero.
        layout: Name of the layout of the V joints; None takes the model's.
        keypoint_score: (M, T, V) float32 confidences, or None.
        label: The true class counted from 0, or None.
        index: Place in its split; seeds a pipeline that draws, as a test of the split does.
        extra: What else transforms may ask for, such as ``img_shape``.
    """

    name: str
    keypoint: np.ndarray
    layout: str | None = None
    keypoint_score: np.ndarray | None = None
    label: int | None = None
    index: int = 0
    extra: Mapping[str, Any] = field(default_factory=dict)

    def cut(self, start: int, end: int, persons: slice = slice(None)) -> 'SkeletonClip':
        """Take the frames from ``start`` to before ``end``, of some persons."""
        score = self.keypoint_score
        score = None if score is None else score[persons, start:end]
        return replace(self, keypoint=self.keypoint[persons, start:end], keypoint_score=score)

    @classmethod
    def from_array(
        cls,
        array: np.ndarray,
        name: str = 'array',
        layout: str | None = None,
        axes: str | None = None,
        **kwargs: Any,
    ) -> 'SkeletonClip':
        """Take an array (T, V, C) of one person or (M, T, V, C), see :func:`skeleton_array`."""
        with name_file(f'clip {bounded_repr(name)}'):
            array = skeleton_array(np.asarray(array), axes)
        return cls(name, as_float32(array), layout, **kwargs)

    @classmethod
    def from_store(
        cls, store: SkeletonStore, sample: int | str, layout: str | None = None, index: int = 0
    ) -> 'SkeletonClip':
        """Read a sample of a store, given by its position or its name."""
        i = store.names.index(sample) if isinstance(sample, str) else sample
        return cls(
            store.names[i],
            store.keypoint(i),
            layout or store.layout,
            keypoint_score=store.keypoint_score(i),
            label=store.labels.item(i),
            index=index,
        )

    @classmethod
    def from_annotation(
        cls,
        annotation: Mapping[str, Any],
        name: str | None = None,
        layout: str | None = None,
        index: int = 0,
    ) -> 'SkeletonClip':
        """Take an annotation of MMAction2 or PYSKL, see :func:`annotation_arrays`."""
        name, arrays, extra = _read_annotation(annotation, name)
        layout = layout or _guess_layout(arrays['keypoint'].shape[2], name)
        return cls(name, layout=layout, **arrays, **extra, index=index)

    @classmethod
    def from_pose_frames(
        cls,
        frames: Any,
        name: str = 'pose results',
        layout: str | None = None,
        metric: bool = True,
    ) -> 'SkeletonClip':
        """Take what a pose estimator found frame by frame, see :func:`read_pose_frames`."""
        keypoint, score = read_pose_frames(frames, f'clip {name!r}', metric=metric)
        layout = layout or _guess_layout(keypoint.shape[2], name)
        return cls(name, keypoint, layout, keypoint_score=score)

    @classmethod
    def from_pose_json(cls, path: str | os.PathLike, layout: str | None = None) -> 'SkeletonClip':
        """Read a ``.json`` of MMPose, of a video or an image."""
        content = read_json(path)
        if not is_pose_frames(content):
            raise ValueError(f'{os.fspath(path)}: no results of MMPose')
        return cls.from_pose_frames(content, Path(path).stem, layout)

    @classmethod
    def from_nwucla_json(cls, path: str | os.PathLike, layout: str | None = None) -> 'SkeletonClip':
        """Read a ``.json`` of NW-UCLA, whose field ``skeletons`` is (T, V, C)."""
        content = read_json(path)
        joints = content.get('skeletons') if isinstance(content, dict) else None
        if joints is None:
            raise ValueError(
                f'{os.fspath(path)}: neither results of a pose estimation nor a sequence of NW-UCLA'
            )
        with name_file(f'{os.fspath(path)}: field skeletons', DAMAGE):
            array = as_float32(joints)
        if array.ndim != 3 or not array.size:
            raise ValueError(
                f'{os.fspath(path)}: field skeletons: expected (T, V, C), got {array.shape}'
            )
        name = Path(path).stem
        return cls(name, array[None], layout or _guess_layout(array.shape[1], name))

    @classmethod
    def from_ntu_skeleton(cls, path: str | os.PathLike, layout: str = 'nturgb+d') -> 'SkeletonClip':
        """Read a ``.skeleton`` of NTU RGB+D: PYSKL's preprocessing, or CTR-GCN's by its layout."""
        preprocessing = 'ctrgcn' if layout == 'nturgb+d-ctrgcn' else 'pyskl'
        read = NTUReader(preprocessing, translate=preprocessing == 'ctrgcn')
        return cls(Path(path).stem, _read(read, path), layout)

    @classmethod
    def from_utdmhad_mat(cls, path: str | os.PathLike, layout: str = 'kinect_v1') -> 'SkeletonClip':
        """Read a ``_skeleton.mat`` of UTD-MHAD."""
        name = Path(path).stem.removesuffix('_skeleton')
        return cls(name, _read(read_utdmhad_skeleton, path), layout)

    @classmethod
    def from_npy(
        cls, path: str | os.PathLike, layout: str, axes: str | None = None
    ) -> 'SkeletonClip':
        """Read a ``.npy`` with an array (T, V, C) or (M, T, V, C), see :class:`CustomReader`."""
        arrays = _read(CustomReader(layout, axes), path)
        score = arrays.get('keypoint_score')
        return cls(Path(path).stem, as_float32(arrays['keypoint']), layout, keypoint_score=score)

    @classmethod
    def from_csv(cls, path: str | os.PathLike, layout: str) -> 'SkeletonClip':
        """Read a ``.csv`` with a line per joint, see :class:`CustomReader`."""
        return cls.from_npy(path, layout)  # the reader tells both by their ending


def _read(reader: Callable[[ArchiveFile], Any], path: str | os.PathLike) -> Any:
    try:
        return reader(ArchiveFile(Path(path)))
    except DroppedSampleError as error:
        raise ValueError(f'{os.fspath(path)}: {error}') from error


def _read_annotation(
    annotation: Mapping[str, Any], name: str | None
) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Split an annotation into its name, the arrays, and the other fields of the clip."""
    given = annotation.get('filename', annotation.get('frame_dir', 'annotation'))
    name = str(given) if name is None else name
    keypoint, score = annotation_arrays(annotation, f'clip {bounded_repr(name)}')
    extra = {key: value for key, value in annotation.items() if key not in _ANNOTATION_KEYS}
    label = annotation.get('label')
    score = None if score is None else as_float32(score)
    arrays = dict(keypoint=as_float32(keypoint), keypoint_score=score)
    # a text says nothing of the model's numbers, and -1 often stands for no label
    is_number = isinstance(label, int | np.integer) and not isinstance(label, bool)
    label = int(label) if label is not None and is_number and label >= 0 else None
    return name, arrays, dict(label=label, extra=extra)


def _guess_layout(num_joints: int, name: str) -> str:
    layout = usual_layout(num_joints)
    if layout is None:
        raise ValueError(f'clip {name!r}: {num_joints} joints: say which layout they are in')
    return layout
