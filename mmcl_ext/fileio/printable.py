"""Text of files in messages: bounded in length, on one line, without escape sequences."""

from collections.abc import Iterable, Mapping, Sequence, Set
from itertools import islice
from typing import Any

import numpy as np

_MOST_ITEMS = 10
_BRACKETS = ((tuple, '(', ')'), (Set, '{', '}'), (Mapping, '{', '}'), (object, '[', ']'))


def printable(text: str, limit: int = 200) -> str:
    r"""Return text without quotes as a terminal can show it.

    Control characters, newlines and lone surrogates become escapes such as ``\x1b``; what is
    longer than ``limit`` characters is cut.
    """
    shown = text[: limit + 1]
    if not shown.isprintable():
        shown = ''.join(c if c.isprintable() else ascii(c)[1:-1] for c in shown)
    return shown if len(shown) <= limit else f'{shown[: limit - 3]}...'


def counted(number: int, noun: str, plural: str = '') -> str:
    """Return a number with its noun: ``'1 sample'``, ``'2 samples'``, ``'2 classes'``."""
    return f'{number} {noun if number == 1 else plural or noun + "s"}'


def name_list(names: Sequence[str], limit: int = 20, separator: str = ', ') -> str:
    """Join the first names, each as :func:`printable`, and tell how many more there are."""
    more = f' and {len(names) - limit} more' if len(names) > limit else ''
    return separator.join(printable(name) for name in names[:limit]) + more


def bounded_repr(value: Any, limit: int = 200) -> str:
    """Return what ``repr`` says of a value that a file holds, in bounded time and length.

    Containers show their first ten items, two levels deep; an array is named by type and
    shape, anything else that is no plain value by its type.
    """
    return printable(_describe(value, limit, levels=2), limit)


def _describe(value: Any, limit: int, levels: int) -> str:
    if isinstance(value, np.number | np.bool):
        value = value.item()
    if isinstance(value, str):
        return repr(str(value[:limit])) + '...' * (len(value) > limit)
    if isinstance(value, bytes | bytearray):
        return repr(bytes(value[:limit])) + '...' * (len(value) > limit)
    if isinstance(value, int) and value.bit_length() > 256:
        return f'<integer of {value.bit_length()} bits>'
    if value is None or isinstance(value, bool | int | float | complex):
        return repr(value)
    if isinstance(value, np.ndarray):
        name = 'structured' if value.dtype.names else value.dtype.name
        return f'<{name} array of shape {value.shape}>'
    if isinstance(value, list | tuple | Set | Mapping):
        return _describe_items(value, limit, levels)
    return f'<{type(value).__name__}>'


def _describe_items(values: Any, limit: int, levels: int) -> str:
    opening, closing = next(
        (first, last) for kind, first, last in _BRACKETS if isinstance(values, kind)
    )
    if levels == 0 and len(values):
        return f'{opening}...{closing}'
    items: Iterable[str] = (_describe(item, limit, levels - 1) for item in values)
    if isinstance(values, Mapping):
        items = (
            f'{_describe(key, limit, levels - 1)}: {_describe(item, limit, levels - 1)}'
            for key, item in values.items()
        )
    shown = list(islice(items, _MOST_ITEMS)) + ['...'] * (len(values) > _MOST_ITEMS)
    comma = ',' * (isinstance(values, tuple) and len(values) == 1)
    return f'{opening}{", ".join(shown)}{comma}{closing}'
