"""Class names and skeletons for reports: from a store, an annotation pickle or a configuration."""

import os
from collections.abc import Mapping
from typing import Any

from mmengine.config import Config

from mmcl_ext.datasets.store import SkeletonStore
from mmcl_ext.datasets.store.annotation_pickle import AnnotationPickle
from mmcl_ext.evaluation.split_labels import open_annotation


def annotation_file(source: str | os.PathLike) -> str:
    """Return a store or annotation pickle itself, or that of a configuration's (``.py``) tests.

    Raises:
        ValueError: The configuration names no annotation file for tests.
    """
    if not os.fspath(source).endswith('.py'):
        return os.fspath(source)
    dataset: Any = Config.fromfile(source).get('test_dataloader') or {}
    while isinstance(dataset, Mapping) and 'dataset' in dataset:  # data sets may be wrapped
        dataset = dataset['dataset']
    if not isinstance(dataset, Mapping) or not dataset.get('ann_file'):
        raise ValueError(f'{source} names no annotation file in test_dataloader.dataset')
    return os.path.join(dataset.get('data_root') or '', dataset['ann_file'])


def open_source(source: str | os.PathLike) -> SkeletonStore | AnnotationPickle:
    """Open what :func:`annotation_file` names."""
    return open_annotation(annotation_file(source))


def class_list(annotation: SkeletonStore | AnnotationPickle | None, num_classes: int) -> list[str]:
    """Return a name for each class: numbers where the annotation is silent.

    Raises:
        ValueError: The annotation has another number of classes.
    """
    names = None if annotation is None else annotation.classes
    if names is None:
        return [f'class {k}' for k in range(num_classes)]
    if annotation is not None and len(names) != num_classes:
        raise ValueError(
            f'{annotation.path} has {len(names)} classes, the scores have {num_classes}'
        )
    return list(names)
