"""Hold out a part of a training split, to choose settings on without touching the test data."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmcl_ext.datasets.metainfo.subjects import (
    check_fraction,
    hashed,
    held_subjects,
    subjects_of,
)
from mmcl_ext.datasets.store import SkeletonStore
from mmcl_ext.datasets.store.write_store import copy_samples
from mmcl_ext.fileio.printable import name_list

WAYS = ('subject', 'hash')
"""What decides who is held out."""


@dataclass(frozen=True)
class HoldOutReport:
    """What :func:`hold_out` has written: the number of samples of the two new ``splits``.

    ``subjects`` are those held out, where they decide, ``num_fit`` the number of the others;
    ``lacking`` the classes without a sample in what is left to train on.
    """

    splits: dict[str, int]
    subjects: tuple[str, ...]
    lacking: tuple[str, ...]
    num_fit: int = 0

    def __str__(self) -> str:
        sizes = [f'{name} {size}' for name, size in self.splits.items()]
        lines = [f'splits: {name_list(sizes, len(sizes))}']
        if self.subjects:
            held = len(self.subjects)
            lines.append(f'subjects: {self.num_fit} to fit on, {held} held out')
            lines.append(f'subjects held out: {name_list(self.subjects, held)}')
        if self.lacking:
            lines.append(f'WITHOUT TRAINING SAMPLES: {name_list(self.lacking, len(self.lacking))}')
        return '\n'.join(lines)


def hold_out(
    source: str | os.PathLike,
    out: str | os.PathLike,
    split: str,
    *,
    fraction: float = 0.1,
    by: str = 'subject',
    seed: int = 0,
    subject_pattern: str | None = None,
) -> HoldOutReport:
    """Copy a store and divide one of its splits in two further ones.

    ``<split>_fit`` is left to train on, ``<split>_held_out`` to choose settings on; the other
    splits stay. The division depends on names, seed and settings alone.

    ``'subject'`` holds out whole subjects, as a cross-subject test does, in the number that comes
    nearest to the fraction; ``'hash'`` the same share of each class, whoever performs. The subject
    is the first group of ``subject_pattern`` in a sample's name; None knows the names of NTU RGB+D,
    UTD-MHAD, NW-UCLA, SYSU and the demo.

    Raises:
        ValueError: The split, the way or the fraction does not go, a name tells no subject, or
            ``out`` is the store itself.
    """
    store = SkeletonStore(source)
    if Path(out).resolve() == Path(source).resolve():
        raise ValueError(f'{out} is the store to divide: give the new one another name')
    positions = store.split(split)
    names = [store.names[i] for i in positions.tolist()]
    num_fit = 0
    if by != 'subject' and subject_pattern is not None:
        raise ValueError(f'--subject-pattern goes with --by subject, not with --by {by}')
    if by == 'subject':
        groups = subjects_of(names, subject_pattern)
        held = held_subjects(groups, fraction, seed)
        subjects = tuple(sorted({g for g, is_held in zip(groups, held, strict=True) if is_held}))
        num_fit = len({*groups}) - len(subjects)
    elif by == 'hash':
        held, subjects = held_samples(names, store.labels[positions], fraction, seed), ()
    else:
        raise ValueError(f'by {by!r}: known are {WAYS}')
    parts = {f'{split}_fit': positions[~held], f'{split}_held_out': positions[held]}
    recipe = dict(split=split, fraction=fraction, by=by, seed=seed, subjects=subjects)
    metadata = dict(store.metadata, hold_out=recipe)
    copy_samples(store, out, range(len(store)), store.splits | parts, metadata)
    present = set(store.labels[parts[f'{split}_fit']].tolist())
    return HoldOutReport(
        {name: len(part) for name, part in parts.items()},
        subjects,
        tuple(name for i, name in enumerate(store.classes) if i not in present),
        num_fit,
    )


def held_samples(
    names: Sequence[str], labels: np.ndarray, fraction: float, seed: int = 0
) -> np.ndarray:
    """Choose the same share of each class by a hash of the names: (N,) bool.

    A class of two samples or more keeps at least one on each side.
    """
    check_fraction(fraction)
    held = np.zeros(len(names), bool)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label).tolist()
        members.sort(key=lambda i: hashed(names[i], seed))
        number = round(fraction * len(members))
        held[members[: min(max(number, 1), len(members) - 1)]] = True
    return held
