"""How a command ends that cannot do what it was asked for."""

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn a wrong input into one line ``error: ...`` and exit status 1.

    Under torchrun the error goes on, for its summary tells it.

    Raises:
        SystemExit: In place of the ValueError or OSError of the block.
    """
    try:
        yield
    except (ValueError, OSError) as error:
        if 'TORCHELASTIC_ERROR_FILE' in os.environ:
            raise
        raise SystemExit(f'error: {error}') from error
