"""Names of classes: those of numbers alone, and a check of given ones."""

from collections import Counter
from collections.abc import Sequence

from mmcl_ext.fileio.printable import bounded_repr

MOST_CLASSES = 100_000
"""More are taken for a mistake: no data set has them, and their names would fill the memory."""


def numbered_classes(largest: int) -> tuple[str, ...]:
    """Return ``class0``, ``class1``, ... up to the largest label.

    Raises:
        ValueError: That would be more than ``MOST_CLASSES``.
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
