"""Class names and skeletons for reports: from a store, an annotation pickle or a configuration."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from mmcl_ext.checkpoints.data_description import DataDescription, describe_differences
from mmcl_ext.config.load_config import load_config
from mmcl_ext.config.shipped_configs import CONFIG_SUFFIXES
from mmcl_ext.datasets.store import SkeletonStore
from mmcl_ext.datasets.store.annotation_pickle import AnnotationPickle
from mmcl_ext.fileio.printable import printable


@dataclass(frozen=True)
class SplitLabels:
    """The samples of a split in its order: names, labels (N,), and the source for messages."""

    names: tuple[str, ...]
    labels: np.ndarray
    source: str

    @classmethod
    def read(cls, path: str | os.PathLike, split: str) -> 'SplitLabels':
        """Read them from a store, or from an annotation pickle (``.pkl``)."""
        annotation = open_annotation(path)
        positions = annotation.split(split)
        names = tuple(annotation.names[i] for i in positions.tolist())
        return cls(names, annotation.labels[positions], f'split {split!r} of {os.fspath(path)}')

    @cached_property
    def label_of(self) -> dict[str, int]:
        """Label of each sample by its name."""
        return dict(zip(self.names, self.labels.tolist(), strict=True))


def open_annotation(path: str | os.PathLike) -> SkeletonStore | AnnotationPickle:
    """Open a store or an annotation pickle (``.pkl``), told apart by the ending."""
    is_pickle = os.fspath(path).endswith(('.pkl', '.pickle'))
    return AnnotationPickle(path) if is_pickle else SkeletonStore(path)


def annotation_file(source: str | os.PathLike) -> str:
    """Return a store or annotation pickle itself, or that of a configuration's tests."""
    if not os.fspath(source).endswith(CONFIG_SUFFIXES):
        return os.fspath(source)
    dataset: Any = load_config(Path(source)).get('test_dataloader') or {}
    while isinstance(dataset, Mapping) and 'dataset' in dataset:  # data sets may be wrapped
        dataset = dataset['dataset']
    if not isinstance(dataset, Mapping) or not dataset.get('ann_file'):
        raise ValueError(f'{source} names no annotation file in test_dataloader.dataset')
    return os.path.join(dataset.get('data_root') or '', dataset['ann_file'])


def open_source(source: str | os.PathLike) -> SkeletonStore | AnnotationPickle:
    """Open what :func:`annotation_file` names."""
    return open_annotation(annotation_file(source))


def class_list(
    annotation: SkeletonStore | AnnotationPickle | None,
    num_classes: int,
    scored: Sequence[str] | None = None,
) -> list[str]:
    """Return a printable name for each class: the annotation's, the scores', or numbers.

    A ValueError if it has another number of classes, or not those of the scores.
    """
    names = None if annotation is None else annotation.classes
    if annotation is None or names is None:
        return list(scored or [f'class {k}' for k in range(num_classes)])
    if len(names) != num_classes:
        raise ValueError(
            f'{annotation.path} has {len(names)} classes, the scores have {num_classes}'
        )
    found = DataDescription(classes=tuple(scored) if scored else None).differences(
        DataDescription(classes=tuple(names))
    )
    if found:
        raise ValueError(describe_differences(found, 'the scores', str(annotation.path)))
    return list(map(printable, names))
