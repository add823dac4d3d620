"""Errors that say which file they are about."""

import csv
import inspect
import lzma
import pickle
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

from mmcl_ext.fileio.printable import printable

_P = ParamSpec('_P')
_T = TypeVar('_T')
_LONGEST = 1000
DAMAGE: tuple[type[Exception], ...] = (
    *(ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RuntimeError),
    *(AssertionError, EOFError, MemoryError, OSError, SyntaxError, tokenize.TokenError),
    *(csv.Error, pickle.PickleError, struct.error, zipfile.BadZipFile, zlib.error, lzma.LZMAError),
)
"""What reading bytes that are not what they should be may raise."""


@contextmanager
def name_file(
    path: object, kinds: type[Exception] | tuple[type[Exception], ...] = ValueError
) -> Iterator[None]:
    """Put the name of a file in front of errors that do not name it.

    Args:
        path: The file, or what stands for it in messages.
        kinds: Which errors; :data:`DAMAGE` where the block reads what strangers have written.

    Raises:
        OSError: The system's words, with the file.
        ValueError: What else of these kinds the block has raised, on one line.
    """
    try:
        yield
    except kinds as error:
        text = str(error)
        named = Path(str(path)).name in text
        if isinstance(error, OSError) and (type(error) is not OSError or error.errno):
            if named or error.filename is not None or error.errno is None:
                raise
            raise OSError(_line(f'{path}: {text}')) from error
        is_worded = isinstance(error, ValueError | OSError) and not isinstance(error, UnicodeError)
        lines = [text] if type(error) is ValueError else text.splitlines()
        if is_worded and named and all(x.isprintable() and len(x) <= _LONGEST for x in lines):
            raise
        kind = f'damaged, or not what it should be: {type(error).__name__}: '
        told = text if is_worded else kind + text
        raise ValueError(_line(told if is_worded and named else f'{path}: {told}')) from error


def _line(text: str) -> str:
    return printable(' '.join(text[:_LONGEST].split()), _LONGEST)


def names_file(read: Callable[_P, _T]) -> Callable[_P, _T]:
    """Decorate a reader, whose first argument is the file, with :func:`name_file`."""
    place = int(next(iter(inspect.signature(read).parameters), '') in ('self', 'cls'))

    @wraps(read)
    def reader(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        path = args[place] if len(args) > place else next(iter(kwargs.values()))
        with name_file(path, DAMAGE):
            return read(*args, **kwargs)

    return reader
