"""Errors that a command tells its user in one line, without a traceback."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from mmcl_ext.fileio.printable import printable

_LONGEST = 2000  # characters of a line
_FILE_ERRORS = (
    errno.ENOENT,
    errno.EACCES,
    errno.EPERM,
    errno.EEXIST,
    errno.EISDIR,
    errno.ENOTDIR,
    errno.EROFS,
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.ENAMETOOLONG,
)


class UserError(ValueError):
    """What the user can mend: a setting, a file, an address. Each line of it is one problem."""


def is_for_user(error: BaseException) -> bool:
    """Tell whether the message of an error is all that the user needs.

    That is so for a :class:`UserError`, for an OSError that was raised with a text alone, and
    where the system names the file at fault.
    """
    if isinstance(error, OSError):
        named = error.filename is not None and error.errno in _FILE_ERRORS
        return named or error.errno is None
    return isinstance(error, UserError)


def cannot_meet(address: str, variable: str, error: BaseException) -> UserError:
    """Say that processes cannot meet: their port is taken, or nobody is at the address."""
    reason = ' '.join(str(error).split())
    return UserError(f'the processes cannot meet at {address}, set {variable}: {reason}')


def launched_rank() -> int | None:
    """Return the rank that a launcher has given to this process, None without one."""
    rank = os.environ.get('RANK')
    return None if rank is None else int(rank)


def rank_prefix() -> str:
    """Say which of several processes speaks."""
    rank = launched_rank()
    return '' if rank is None else f'rank {rank}: '


def as_lines(error: BaseException) -> str:
    """Write each problem of an error as one line, ``error: ...``, with the rank if there is one."""
    text = str(error) if isinstance(error, UserError) else ' '.join(_in_words(error).split())
    lines = text.splitlines() or ['']
    return '\n'.join(f'error: {rank_prefix()}{printable(line, _LONGEST)}' for line in lines)


def _in_words(error: BaseException) -> str:
    """Leave the number out of an error of the system."""
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f'{error.strerror}: {os.fspath(error.filename)!r}'
    return str(error)


@contextmanager
def one_line_errors(
    *others: type[Exception], wrong: tuple[type[Exception], ...] = (ValueError, OSError)
) -> Iterator[None]:
    """Turn a wrong input into one line ``error: ...`` and exit status 1; also decorates a ``main``.

    ``wrong`` is the user's in any command, as what :func:`is_for_user` tells, ``others`` in this
    one. Under torchrun the error goes on, for its summary tells it.
    """
    try:
        yield
    except Exception as error:
        if not is_for_user(error) and not isinstance(error, (*wrong, *others)):
            raise
        if 'TORCHELASTIC_ERROR_FILE' in os.environ:
            raise UserError(str(error)) from error
        raise SystemExit(as_lines(error)) from error
