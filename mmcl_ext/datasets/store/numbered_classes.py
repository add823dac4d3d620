"""Classes that have numbers and no names."""

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
