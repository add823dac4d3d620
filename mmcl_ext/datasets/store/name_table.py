"""Names of samples, splits and classes."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import overload

import numpy as np

from mmcl_ext.fileio.printable import bounded_repr
from mmcl_ext.fileio.tensor_container import TensorContainer

MOST_CLASSES = 100_000
"""More are taken for a mistake: no data set has them, and their names would fill the memory."""


def is_pickle(path: str | os.PathLike) -> bool:
    """Tell an annotation pickle by its ending."""
    return Path(path).suffix.lower() in ('.pkl', '.pickle')


def numbered_classes(largest: int) -> tuple[str, ...]:
    """Return ``class0``, ``class1``, ... up to the largest label.

    A ValueError if that would be more than ``MOST_CLASSES``.
    """
    if largest >= MOST_CLASSES:
        raise ValueError(f'label {largest} is no class: they are counted from 0, one by one')
    return tuple(f'class{i}' for i in range(largest + 1))


def check_class_names(names: Sequence[str]) -> None:
    """Raise a ValueError for names of classes that are no text, or that come twice."""
    odd = [name for name in names if not isinstance(name, str)]
    if odd:
        raise ValueError(f'the name of a class is no text: {bounded_repr(odd[0])}')
    twice = [name for name, number in Counter(names).items() if number > 1]
    if twice:
        raise ValueError(f'two classes are called {bounded_repr(twice[0])}')


def split_positions(
    source: str | os.PathLike, splits: Mapping[str, np.ndarray], name: str
) -> np.ndarray:
    """Return the positions of the samples of a split; a ValueError names those that exist."""
    if name not in splits:
        known = bounded_repr(sorted(splits))
        raise ValueError(f'{source} has no split {bounded_repr(name)}; it has {known}')
    return splits[name]


_FACTOR, _SHIFT = np.uint64(0x9E3779B97F4A7C15), np.uint64(29)


class NameTable(Sequence[str]):
    """Names decoded when asked for: no 100,000 Python strings held.

    A ValueError if a name is empty, outside the text, no UTF-8, or occurs twice.

    Args:
        text: All names back to back, (L,) uint8.
        ends: Where each name ends, (N,) int64.
    """

    def __init__(self, text: np.ndarray, ends: np.ndarray) -> None:
        self._text = text.tobytes()
        self._ends = ends
        if ends[0] < 1 or ends[-1] != len(text) or (ends[1:] <= ends[:-1]).any():
            raise ValueError('the ends of the names do not ascend to the end of their text')
        if (text[ends[:-1]] & 0xC0 == 0x80).any():  # a byte within a character
            raise ValueError('a name ends within a character')
        self._text.decode()  # UnicodeDecodeError is a ValueError
        if _may_repeat(text, ends) and (twice := repeated(self)) is not None:
            raise ValueError(f'sample {bounded_repr(twice)} occurs more than once')

    def __len__(self) -> int:
        return len(self._ends)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        i = range(len(self))[index]
        start = int(self._ends[i - 1]) if i else 0
        return self._text[start : int(self._ends[i])].decode()

    def __iter__(self) -> Iterator[str]:
        start = 0
        for end in self._ends.tolist():
            yield self._text[start:end].decode()
            start = end


class NamedSamples(TensorContainer):
    """A file that finds its samples by name: ``_opened`` has the ``names`` and their ``rows``."""

    def __len__(self) -> int:
        return len(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self._opened.rows

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the samples, unique, in the order they were written."""
        names: tuple[str, ...] = self._opened.names
        return names

    def _row(self, name: str) -> int:
        """Find a sample; a KeyError names the file and the sample."""
        if name not in self._opened.rows:
            raise KeyError(f'{self._path} has no sample {name!r}')
        row: int = self._opened.rows[name]
        return row

    def _wrong_sample(self, name: str, field: str, problem: str) -> ValueError:
        return ValueError(f'{self._path}: sample {bounded_repr(name)}: field {field!r}: {problem}')


def repeated(names: Iterable[str]) -> str | None:
    """Return the name that occurs most often, None where each occurs once."""
    [(name, count)] = Counter(names).most_common(1) or [('', 0)]
    return name if count > 1 else None


def _may_repeat(text: np.ndarray, ends: np.ndarray) -> bool:
    """Whether two names share length and hash; far quicker than a set of all names."""
    padded = np.concatenate([text, np.zeros(8, np.uint8)])
    words = np.ndarray(len(text) + 1, '<u8', padded, strides=(1,))  # eight bytes from each byte on
    starts = np.concatenate([[0], ends[:-1]])
    lengths = ends - starts
    for length in np.flatnonzero(np.bincount(lengths)).tolist():
        of_length = starts[lengths == length]
        mask = np.uint64(2 ** (8 * min(length, 8)) - 1)
        hashes = np.zeros(len(of_length), np.uint64)
        for offset in (*range(0, length - 8, 8), max(length - 8, 0)):
            hashes = (hashes ^ (words[of_length + offset] & mask)) * _FACTOR
            hashes ^= hashes >> _SHIFT
        hashes.sort()
        if (hashes[1:] == hashes[:-1]).any():
            return True
    return False
