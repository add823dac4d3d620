"""Annotation pickles of MMAction2 and PYSKL to an annotation store, and back."""

import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Unpack

import numpy as np
from mmengine.utils import track_iter_progress

from mmcl_ext.datasets.converters.conversion import (
    Conversion,
    ConversionOptions,
    ConversionReport,
    SampleInfo,
    count_classes,
)
from mmcl_ext.datasets.converters.ntu_protocol import NTUName, ntu_classes
from mmcl_ext.datasets.store import SkeletonStore
from mmcl_ext.datasets.store.annotation_pickle import AnnotationPickle
from mmcl_ext.datasets.store.name_table import numbered_classes
from mmcl_ext.fileio.archive_file import describe_file
from mmcl_ext.fileio.atomic_file import write_pickle
from mmcl_ext.fileio.printable import bounded_repr, counted
from mmcl_ext.graphs.layouts import load_layout

_FIELDS = 'annotation_fields'  # of the store's metadata


class PickleReader:
    """Reads one annotation of a pickle.

    The file is held in memory as a whole; forked processes share it, others load it anew.
    """

    def __init__(self, annotations: AnnotationPickle) -> None:
        self._path, self._layout = annotations.path, annotations.layout
        self._annotations: AnnotationPickle | None = annotations

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | dict(_annotations=None)

    def __call__(self, index: int) -> dict[str, np.ndarray]:
        """Read ``keypoint`` (M, T, V, C) and, where it is there, ``keypoint_score`` (M, T, V)."""
        if self._annotations is None:
            self._annotations = AnnotationPickle(self._path, self._layout)
        score = self._annotations.keypoint_score(index)
        arrays = dict(keypoint=self._annotations.keypoint(index))
        return arrays if score is None else dict(arrays, keypoint_score=score)


def convert_pickle(
    source: str | os.PathLike,
    out: str | os.PathLike,
    *,
    classes: Sequence[str] | None = None,
    layout: str | os.PathLike | None = None,
    **options: Unpack[ConversionOptions],
) -> ConversionReport:
    """Convert an annotation pickle, which is not run, but held in memory as a whole.

    By default the classes are those of NTU RGB+D where the samples are named as there, else
    ``class0``, ``class1``, ...; the layout is guessed by the number of joints; and the type is the
    smaller one that loses nothing. For errors see :class:`AnnotationPickle`.
    """
    annotations = AnnotationPickle(source, None if layout is None else load_layout(layout))
    classes = tuple(classes or _guess_classes(annotations))
    _check_unique(annotations)
    _check_labels(annotations, len(classes))
    names = np.array(annotations.names, object)
    pairs = zip(annotations.names, annotations.labels.tolist(), strict=True)
    if 'dtype' not in options:
        options['dtype'] = _smallest_dtype(annotations)
    return Conversion(
        out=Path(out),
        items=[SampleInfo(name, label, index) for index, (name, label) in enumerate(pairs)],
        read=PickleReader(annotations),
        layout=annotations.layout,
        classes=classes,
        splits={key: names[index].tolist() for key, index in annotations.splits.items()},
        metadata={'source': describe_file(Path(source)), _FIELDS: _other_fields(annotations)},
        **options,
    ).run()


def _check_unique(annotations: AnnotationPickle) -> None:
    name, count = Counter(annotations.names).most_common(1)[0]
    if count > 1:
        raise ValueError(
            f'{annotations.path}: {count} samples are called {bounded_repr(name)}; a store keeps '
            'one of a name'
        )


def _check_labels(annotations: AnnotationPickle, num_classes: int) -> None:
    wrong = np.flatnonzero(annotations.labels >= num_classes)
    if len(wrong):
        name, label = annotations.names[wrong[0]], annotations.labels[wrong[0]]
        raise ValueError(
            f'{annotations.path}: sample {name!r}: label {label} is outside the '
            f'{counted(num_classes, "class", "classes")}'
        )


def export_pickle(
    source: str | os.PathLike, out: str | os.PathLike, *, progress: bool = True
) -> ConversionReport:
    """Write a store as an annotation pickle, for MMAction2 and PYSKL.

    The arrays have the store's type. What the annotations of a converted pickle said
    besides (``img_shape``, ...) comes back. The file is put together in memory, so an
    interrupted export begins again.
    """
    if Path(out).suffix != '.pkl':
        raise ValueError(f'the pickle to write needs a name that ends in .pkl, got {out!s}')
    start = time.perf_counter()
    store = SkeletonStore(source)
    others = store.metadata.get(_FIELDS) or {}
    counted: Iterable[int] = range(len(store))
    if progress:
        counted = track_iter_progress(counted, file=sys.stderr)
    annotations = [_annotation(store, i, others) for i in counted]
    split = {key: [store.names[i] for i in index] for key, index in store.splits.items()}
    write_pickle(out, dict(split=split, annotations=annotations))
    items = [
        SampleInfo(n, int(label), None) for n, label in zip(store.names, store.labels, strict=True)
    ]
    return ConversionReport(
        out=str(out),
        num_samples=len(store),
        num_frames=int(store.num_frames.sum()),
        splits={key: len(found) for key, found in split.items()},
        seconds=time.perf_counter() - start,
        class_counts=count_classes(items, store.classes, set(store.names), split),
    )


def _annotation(
    store: SkeletonStore, index: int, others: Mapping[str, Sequence[Any]]
) -> dict[str, Any]:
    annotation = dict(
        frame_dir=store.names[index],
        label=int(store.labels[index]),
        total_frames=int(store.num_frames[index]),
        keypoint=store.keypoint(index).astype(store.dtype),
    )
    score = store.keypoint_score(index)
    if score is not None:
        annotation['keypoint_score'] = score.astype(store.dtype)
    for field, values in others.items():
        value = values[index if len(values) > 1 else 0]
        if value is not None:
            annotation[field] = tuple(value) if isinstance(value, list) else value
    return annotation


def _guess_classes(annotations: AnnotationPickle) -> tuple[str, ...]:
    largest = int(annotations.labels.max())
    pairs = zip(annotations.names, annotations.labels, strict=True)
    if all(_is_ntu_sample(name, label) for name, label in pairs):
        return ntu_classes(60 if largest < 60 else 120)
    return numbered_classes(largest)


def _is_ntu_sample(name: str, label: int) -> bool:
    try:
        return NTUName.parse(name).label == label
    except ValueError:
        return False


def _smallest_dtype(annotations: AnnotationPickle) -> str:
    for index in range(len(annotations)):
        for values in (annotations.keypoint(index), annotations.keypoint_score(index)):
            if values is not None and not _fits_half(values):
                return 'float32'
    return 'float16'


def _fits_half(values: np.ndarray) -> bool:
    with np.errstate(over='ignore', invalid='ignore'):
        return np.array_equal(values.astype(np.float16), values, equal_nan=True)


def _other_fields(annotations: AnnotationPickle) -> dict[str, list[Any]]:
    """Collect what JSON can hold: a value per sample, or a single one that all share."""
    extras = [annotations.extra(i) for i in range(len(annotations))]
    fields = {}
    for field in sorted({key for extra in extras for key in extra}):
        values = [_to_json(extra.get(field)) for extra in extras]
        fields[field] = values[:1] if all(value == values[0] for value in values) else values
    return fields


def _to_json(value: Any) -> Any:
    """Return a number, a text or a list of numbers; None for anything else."""
    if isinstance(value, (tuple, list)) and all(isinstance(v, (int, float)) for v in value):
        return list(value)
    if isinstance(value, np.generic):
        value = value.item()
    return value if isinstance(value, (int, float, str)) else None
