"""The subjects who perform, read from the names of samples, and a choice among them."""

import argparse
import hashlib
import re
from collections.abc import Sequence

import numpy as np

_SUBJECTS = (
    re.compile(r'S\d{3}C\d{3}P(\d{3})R\d{3}A\d{3}'),  # NTU RGB+D
    re.compile(r'a\d+_s(\d+)_.*'),  # UTD-MHAD, NW-UCLA
    re.compile(r's(\d+)_a\d+'),  # SYSU
    re.compile(r'S(\d{3})A\d{2}R\d{2}'),  # the demo
)


def add_subject_pattern(parser: argparse.ArgumentParser) -> None:
    """Add the option that tells :func:`subjects_of` where a name holds its subject."""
    parser.add_argument(
        '--subject-pattern',
        help='regular expression for the whole name; its first group is the subject',
    )


def subjects_of(names: Sequence[str], pattern: str | None = None) -> list[str]:
    """Read the subject of each sample from its name.

    A ValueError if a name does not fit, which names the first.
    """
    known = _SUBJECTS if pattern is None else (_compile(pattern),)
    regex = max(known, key=lambda r: sum(bool(r.fullmatch(name)) for name in names))
    subjects = []
    for name in names:
        match = regex.fullmatch(name)
        if match is None:
            raise ValueError(
                f'sample {name!r}: its whole name does not match {regex.pattern}; give a '
                '--subject-pattern that does'
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
    samples nearer to the fraction. A ValueError if the fraction is not between 0 and 1, or there is
    one subject only.
    """
    check_fraction(fraction)
    order = sorted(set(subjects), key=lambda subject: hashed(subject, seed))
    if len(order) < 2:
        raise ValueError(f'there is no subject to hold out besides {order}')
    sizes = np.array([subjects.count(subject) for subject in order])
    shares = np.cumsum(sizes)[:-1] / len(subjects)
    number = int(np.abs(shares - fraction).argmin()) + 1
    chosen = set(order[:number])
    return np.array([subject in chosen for subject in subjects])


def check_fraction(fraction: float) -> None:
    """Raise a ValueError for a share that is not between 0 and 1."""
    if not 0 < fraction < 1:
        raise ValueError(f'the fraction must be between 0 and 1, got {fraction}')


def hashed(text: str, seed: int) -> str:
    """Hash a text with a seed; the order of these is the order of choice."""
    return hashlib.sha256(f'{seed}/{text}'.encode()).hexdigest()
