"""Names and labels of a split, for score files that hold none."""

import os
from dataclasses import dataclass

import numpy as np

from mmcl_ext.datasets.store import SkeletonStore
from mmcl_ext.datasets.store.annotation_pickle import AnnotationPickle


@dataclass(frozen=True)
class SplitLabels:
    """The samples of a split in its order: names, labels (N,), and the source for messages."""

    names: tuple[str, ...]
    labels: np.ndarray
    source: str

    @classmethod
    def read(cls, path: str | os.PathLike, split: str) -> 'SplitLabels':
        """Read them from a store, or from an annotation pickle (``.pkl``).

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: The file cannot be read or has no such split.
        """
        annotation = open_annotation(path)
        positions = annotation.split(split)
        names = tuple(annotation.names[i] for i in positions.tolist())
        return cls(names, annotation.labels[positions], f'split {split!r} of {os.fspath(path)}')


def open_annotation(path: str | os.PathLike) -> SkeletonStore | AnnotationPickle:
    """Open a store or an annotation pickle (``.pkl``), told apart by the ending."""
    is_pickle = os.fspath(path).endswith(('.pkl', '.pickle'))
    return AnnotationPickle(path) if is_pickle else SkeletonStore(path)
