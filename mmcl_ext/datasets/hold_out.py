"""Hold out a part of a training split, to choose settings on without touching the test data."""

import os
from collections.abc import Sequence
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


def hold_out(
    source: str | os.PathLike,
    out: str | os.PathLike,
    split: str,
    *,
    fraction: float = 0.1,
    by: str = 'subject',
    seed: int = 0,
    subject_pattern: str | None = None,
) -> str:
    """Copy a store and divide one of its splits in two further ones.

    ``<split>_fit`` is left to train on, ``<split>_held_out`` to choose settings on; the other
    splits stay. The division depends on names, seed and settings alone. Returns a text for the user
    on sizes, subjects held out, and classes without a sample left to train on.

    ``'subject'`` holds out whole subjects, as a cross-subject test does, in the number that comes
    nearest to the fraction; ``'hash'`` the same share of each class, whoever performs. The subject
    is the first group of ``subject_pattern`` in a sample's name; None knows the names of NTU RGB+D,
    UTD-MHAD, NW-UCLA, SYSU and the demo. A ValueError if the split, the way or the fraction does
    not go, a name tells no subject, or ``out`` is the store itself.
    """
    store = SkeletonStore(source)
    if Path(out).resolve() == Path(source).resolve():
        raise ValueError(f'{out} is the store to divide: give the new one another name')
    positions = store.split(split)
    names = [store.names[i] for i in positions.tolist()]
    if by != 'subject' and subject_pattern is not None:
        raise ValueError(f'--subject-pattern goes with --by subject, not with --by {by}')
    if by == 'subject':
        groups = subjects_of(names, subject_pattern)
        held = held_subjects(groups, fraction, seed)
        subjects = sorted({g for g, is_held in zip(groups, held, strict=True) if is_held})
    elif by == 'hash':
        held, subjects = held_samples(names, store.labels[positions], fraction, seed), []
    else:
        raise ValueError(f'by {by!r}: known are {WAYS}')
    parts = {f'{split}_fit': positions[~held], f'{split}_held_out': positions[held]}
    recipe = dict(split=split, fraction=fraction, by=by, seed=seed, subjects=subjects)
    metadata = dict(store.metadata, hold_out=recipe)
    copy_samples(store, out, range(len(store)), store.splits | parts, metadata)
    present = set(store.labels[parts[f'{split}_fit']].tolist())
    lacking = [name for i, name in enumerate(store.classes) if i not in present]
    lines = [f'splits: {name_list([f"{name} {len(part)}" for name, part in parts.items()])}']
    if subjects:
        rest, number = len({*groups}) - len(subjects), len(subjects)
        lines.append(f'subjects: {rest} to fit on, {number} held out')
        lines.append(f'subjects held out: {name_list(subjects, number)}')
    if lacking:
        lines.append(f'WITHOUT TRAINING SAMPLES: {name_list(lacking, len(lacking))}')
    return '\n'.join(lines)


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
