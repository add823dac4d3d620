"""Check the classes and splits of an annotation store."""

import difflib
from collections.abc import Iterator, Mapping
from itertools import permutations

import numpy as np

from mmcl_ext.datasets.store import SkeletonStore
from mmcl_ext.datasets.validation.data_issue import DataIssue, collect

_TRAIN, _HELD_OUT = 'train', ('val', 'test')
_FEW = 0.1
_DIGITS = str.maketrans('', '', '0123456789')


def check_splits(store: SkeletonStore) -> list[DataIssue]:
    """List what a training or a test would lack, and names that may be misspelt.

    - missing: no split, nothing to test on, a class without samples in one.
    - empty: a split without samples.
    - few: a class or a split of one sample, or of few whose name is near that of a larger one.
    - doubled: samples in the training split and in the held-out split of one protocol.
    """
    splits = store.splits
    sizes = {name: len(index) for name, index in splits.items()}
    everyone = list(store.names) * (not splits)
    only = list(splits) * (len(splits) == 1)
    counts = np.bincount(store.labels, minlength=len(store.classes)).tolist()
    return [
        *collect('missing', 'no split to train or to test on', everyone),
        *collect('missing', 'one split only, nothing is held out to test on', only),
        *collect('empty', 'a split without samples', [s for s in splits if not sizes[s]]),
        *collect('few', 'a split of hardly a sample', _lonely(sizes)),
        *collect(
            'few',
            'a class of hardly a sample',
            _lonely(dict(zip(store.classes, counts, strict=True))),
        ),
        *_check_classes(store),
        *_check_shared(store),
    ]


def protocols(store: SkeletonStore) -> Iterator[tuple[str, str]]:
    """List the pairs of splits that are the training and a held-out half of one protocol."""
    for train, held_out in permutations(store.splits, 2):
        protocol = train.removesuffix(_TRAIN)
        if train.endswith(_TRAIN) and held_out in {protocol + end for end in _HELD_OUT}:
            yield train, held_out


def _lonely(sizes: Mapping[str, int]) -> list[str]:
    """Name what has one sample, or few and a name that is near that of a larger one."""
    found = []
    for name, size in sizes.items():
        near = _near(name, [n for n, s in sizes.items() if size <= _FEW * s])
        if size and (size == 1 or near):
            found.append(f'{name} ({size}{f", near {near}" if near else ""})')
    return found


def _near(name: str, others: list[str]) -> str:
    """Choose a name that this one may be a slip of; numbers apart, such as class1, are none."""
    unlike = [n for n in others if n.translate(_DIGITS) != name.translate(_DIGITS)]
    return next(iter(difflib.get_close_matches(name, unlike, 1, cutoff=0.8)), '')


def _check_classes(store: SkeletonStore) -> list[DataIssue]:
    findings: list[DataIssue] = []
    present = {name: set(store.labels[index].tolist()) for name, index in store.splits.items()}
    for name in store.splits:
        if name.endswith(_TRAIN) and present[name]:
            absent = [title for k, title in enumerate(store.classes) if k not in present[name]]
            findings += collect('missing', f'a class without samples in split {name!r}', absent)
    for train, held_out in protocols(store):
        untested = present[train] - present[held_out] if present[held_out] else set()
        titles = [store.classes[k] for k in sorted(untested)]
        findings += collect('missing', f'a class without samples in split {held_out!r}', titles)
    return findings


def _check_shared(store: SkeletonStore) -> list[DataIssue]:
    findings: list[DataIssue] = []
    for train, held_out in protocols(store):
        shared = np.intersect1d(store.splits[train], store.splits[held_out]).tolist()
        problem = f'in both splits {train!r} and {held_out!r}'
        findings += collect('doubled', problem, [store.names[i] for i in shared])
    return findings
