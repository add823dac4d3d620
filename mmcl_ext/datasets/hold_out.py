"""Hold out a part of a training split, to choose settings on without touching the test data."""

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mmcl_ext.datasets.store import SkeletonStore, write_store

WAYS = ('subject', 'hash')
"""What decides who is held out."""

_SUBJECTS = (
    re.compile(r'S\d{3}C\d{3}P(\d{3})R\d{3}A\d{3}'),  # NTU RGB+D
    re.compile(r'a\d+_s(\d+)_.*'),  # UTD-MHAD, NW-UCLA
    re.compile(r's(\d+)_a\d+'),  # SYSU
    re.compile(r'S(\d{3})A\d{2}R\d{2}'),  # the demo
)


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
        lines = [f'splits: {", ".join(f"{name} {size}" for name, size in self.splits.items())}']
        if self.subjects:
            held = len(self.subjects)
            lines.append(f'subjects: {self.num_fit} to fit on, {held} held out')
            lines.append(f'subjects held out: {", ".join(self.subjects)}')
        if self.lacking:
            lines.append(f'WITHOUT TRAINING SAMPLES: {", ".join(self.lacking)}')
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
    splits stay. The division depends on names, seed and settings alone. ``out`` appears only when
    it is complete.

    ``'subject'`` holds out whole subjects, as a cross-subject test does, in the number that comes
    nearest to the fraction; ``'hash'`` the same share of each class, whoever performs. The subject
    is the first group of ``subject_pattern`` in a sample's name; None knows the names of NTU RGB+D,
    UTD-MHAD, NW-UCLA, SYSU and the demo.

    Raises:
        FileNotFoundError: There is no such store.
        ValueError: The split, the way or the fraction does not go, a name tells no subject, or
            ``out`` is the store itself.
    """
    store = SkeletonStore(source)
    if Path(out).resolve() == Path(source).resolve():
        raise ValueError(f'{out} is the store to divide: give the new one another name')
    positions = store.split(split)
    names = [store.names[i] for i in positions.tolist()]
    num_fit = 0
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
    _copy(store, out, parts, recipe)
    present = set(store.labels[parts[f'{split}_fit']].tolist())
    return HoldOutReport(
        {name: len(part) for name, part in parts.items()},
        subjects,
        tuple(name for i, name in enumerate(store.classes) if i not in present),
        num_fit,
    )


def subjects_of(names: Sequence[str], pattern: str | None = None) -> list[str]:
    """Read the subject of each sample from its name.

    Raises:
        ValueError: A name does not fit; names the first.
    """
    known = _SUBJECTS if pattern is None else (_compile(pattern),)
    regex = max(known, key=lambda r: sum(bool(r.fullmatch(name)) for name in names))
    subjects = []
    for name in names:
        match = regex.fullmatch(name)
        if match is None:
            raise ValueError(
                f'sample {name!r}: its whole name does not match {regex.pattern}; give a '
                '--subject-pattern that does, or hold out by hash'
            )
        subjects.append(match[1])
    return subjects


def _compile(pattern: str) -> re.Pattern[str]:
    try:
        regex = re.compile(pattern)
    except re.error as error:
        raise ValueError(f'the subject pattern {pattern!r} is wrong: {error}') from error
    if regex.groups < 1:
        raise ValueError(f'the subject pattern {pattern!r} has no group')
    return regex


def held_subjects(subjects: Sequence[str], fraction: float, seed: int = 0) -> np.ndarray:
    """Choose whole subjects, at least one and not all: (N,) bool.

    The subjects are taken in the order of a hash as long as that brings the share of held-out
    samples nearer to the fraction.

    Raises:
        ValueError: The fraction is not between 0 and 1, or there is one subject only.
    """
    _check_fraction(fraction)
    order = sorted(set(subjects), key=lambda subject: _hash(subject, seed))
    if len(order) < 2:
        raise ValueError(f'there is no subject to hold out besides {order}')
    sizes = np.array([subjects.count(subject) for subject in order])
    shares = np.cumsum(sizes)[:-1] / len(subjects)
    number = int(np.abs(shares - fraction).argmin()) + 1
    chosen = set(order[:number])
    return np.array([subject in chosen for subject in subjects])


def held_samples(
    names: Sequence[str], labels: np.ndarray, fraction: float, seed: int = 0
) -> np.ndarray:
    """Choose the same share of each class by a hash of the names: (N,) bool.

    A class of two samples or more keeps at least one on each side.

    Raises:
        ValueError: The fraction is not between 0 and 1.
    """
    _check_fraction(fraction)
    held = np.zeros(len(names), bool)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label).tolist()
        members.sort(key=lambda i: _hash(names[i], seed))
        number = round(fraction * len(members))
        held[members[: min(max(number, 1), len(members) - 1)]] = True
    return held


def _check_fraction(fraction: float) -> None:
    if not 0 < fraction < 1:
        raise ValueError(f'the fraction must be between 0 and 1, got {fraction}')


def _hash(text: str, seed: int) -> str:
    return hashlib.sha256(f'{seed}/{text}'.encode()).hexdigest()


def _copy(
    store: SkeletonStore,
    out: str | os.PathLike,
    parts: dict[str, np.ndarray],
    recipe: dict[str, Any],
) -> None:
    splits = store.splits | parts
    write_store(
        out,
        _samples(store),
        layout=store.layout,
        classes=store.classes,
        splits={key: [store.names[i] for i in index.tolist()] for key, index in splits.items()},
        dtype=store.dtype.name,
        metadata=dict(store.metadata, hold_out=recipe),
    )


def _samples(store: SkeletonStore) -> Iterator[dict[str, Any]]:
    for i, name in enumerate(store.names):
        sample = dict(name=name, label=int(store.labels[i]), keypoint=store.keypoint(i))
        score = store.keypoint_score(i)
        yield sample if score is None else dict(sample, keypoint_score=score)
