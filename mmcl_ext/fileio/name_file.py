"""Errors that say which file they are about."""

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def name_file(path: str | os.PathLike) -> Iterator[None]:
    """Put the name of a file in front of a ValueError that does not name it.

    Raises:
        ValueError: What the block has raised.
    """
    try:
        yield
    except ValueError as error:
        if os.path.basename(path) in str(error):
            raise
        raise ValueError(f'{os.fspath(path)}: {error}') from error
