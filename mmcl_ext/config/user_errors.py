"""How a command ends that cannot do what it was asked for."""

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def one_line_errors(*others: type[Exception]) -> Iterator[None]:
    """Turn a wrong input into one line ``error: ...`` and exit status 1.

    Under torchrun the error goes on, for its summary tells it.

    Args:
        others: What else is the user's to mend, such as ImportError for an optional package.

    Raises:
        SystemExit: In place of the ValueError, OSError or other such error of the block.
    """
    wrong: tuple[type[Exception], ...] = (ValueError, OSError, *others)
    try:
        yield
    except wrong as error:
        if 'TORCHELASTIC_ERROR_FILE' in os.environ:
            raise
        raise SystemExit(f'error: {error}') from error
