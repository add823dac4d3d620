"""Class names and skeletons for reports: from a store, an annotation pickle or a configuration."""

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from mmcl_ext.checkpoints.data_description import DataDescription, describe_differences
from mmcl_ext.config.load_config import load_config
from mmcl_ext.config.safe_config import add_safe_config
from mmcl_ext.config.shipped_configs import CONFIG_SUFFIXES
from mmcl_ext.datasets.store import SkeletonStore
from mmcl_ext.datasets.store.annotation_pickle import AnnotationPickle, open_annotation
from mmcl_ext.fileio.printable import counted, printable


@dataclass(frozen=True)
class SplitLabels:
    """The samples of a split in its order: names, labels (N,), and the source for messages."""

    names: tuple[str, ...]
    labels: np.ndarray
    source: str

    @classmethod
    def read(
        cls, source: str | os.PathLike, split: str, layout: str | None = None
    ) -> 'SplitLabels':
        """Read them from what :func:`open_source` opens."""
        annotation = open_source(source, layout)
        positions = annotation.split(split)
        names = tuple(annotation.names[i] for i in positions.tolist())
        labels = annotation.labels[positions]
        return cls(names, labels, f'split {split!r} of {annotation.path}')

    @cached_property
    def label_of(self) -> dict[str, int]:
        """Label of each sample by its name."""
        return dict(zip(self.names, self.labels.tolist(), strict=True))


def add_annotation(parser: argparse.ArgumentParser, purpose: str) -> None:
    """Add the options of a command on score files that name their samples and classes."""
    parser.add_argument('--store', help=f'store, annotation .pkl or configuration: {purpose}')
    parser.add_argument('--layout', help='layout of an annotation .pkl: its name, or .json')
    parser.add_argument('--split', help='its split, for score files without labels')
    parser.add_argument(
        '--by-position',
        action='store_true',
        help='scores without names, or with numbers as names, are in the order of the split',
    )
    add_safe_config(parser)


def check_annotation(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuse options of a store without a store."""
    for option in ('split', 'layout'):
        if getattr(args, option) and not args.store:
            parser.error(f'--{option} goes with --store')


def open_source(
    source: str | os.PathLike, layout: str | None = None
) -> SkeletonStore | AnnotationPickle:
    """Open a store, an annotation pickle, or the data that a configuration tests on.

    ``layout`` is the name or file of the joints of a pickle, or that of the configuration.
    """
    if not os.fspath(source).endswith(CONFIG_SUFFIXES):
        return open_annotation(source, layout)
    dataset: Any = load_config(Path(source)).get('test_dataloader') or {}
    while isinstance(dataset, Mapping) and 'dataset' in dataset:  # data sets may be wrapped
        dataset = dataset['dataset']
    if not isinstance(dataset, Mapping) or not dataset.get('ann_file'):
        raise ValueError(f'{source} names no annotation file in test_dataloader.dataset')
    path = os.path.join(dataset.get('data_root') or '', dataset['ann_file'])
    return open_annotation(path, layout or dataset.get('layout'))


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
            f'{annotation.path} has {counted(len(names), "class", "classes")}, the scores have '
            f'{num_classes}'
        )
    found = DataDescription(classes=tuple(scored) if scored else None).differences(
        DataDescription(classes=tuple(names))
    )
    if found:
        raise ValueError(describe_differences(found, 'the scores', str(annotation.path)))
    return list(map(printable, names))
