"""Files that are whole or absent: written under a temporary name, then renamed."""

import errno
import glob
import json
import os
import pickle
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

_WRITING_ONLY = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def atomic_file(path: str | os.PathLike, *, durable: bool = True) -> Iterator[BinaryIO]:
    """Open a neighbour of ``path`` that takes its name when the block ends well.

    After an error or an interrupt nothing, or the former file, is there. A killed process
    leaves ``.<name>.<random>.tmp`` behind. An OSError names ``path``, whose folder is made. If
    ``durable``, the content is flushed first, so that after a power cut the name never stands for
    an empty file.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = _neighbour(target)
    try:
        with temporary.open('xb') as file:
            yield file
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, target)
    except OSError as error:
        _raise_about(target, temporary, error)
    finally:
        with suppress(OSError):  # renamed, or never made
            temporary.unlink()


@contextmanager
def atomic_path(path: str | os.PathLike) -> Iterator[Path]:
    """Give a path, with the name of ``path``, whose file takes its place in the end."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = _neighbour(target)
    folder.mkdir()
    try:
        yield folder / target.name
        os.replace(folder / target.name, target)
    except OSError as error:
        _raise_about(target, folder, error)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def name_full_disk(folder: str | os.PathLike) -> Iterator[None]:
    """Name the folder in an error of a full disk that names nothing, as those of logs are."""
    try:
        yield
    except OSError as error:
        _raise_about(Path(folder), Path(folder), error)


def _raise_about(target: Path, temporary: Path, error: OSError) -> NoReturn:
    """Name the user's file: a full disk names none, and nobody knows the temporary one."""
    is_unnamed = error.filename is None and error.errno in _WRITING_ONLY
    if is_unnamed or (temporary != target and str(error.filename).startswith(str(temporary))):
        raise OSError(error.errno, error.strerror, str(target)) from error
    raise error


def write_bytes(path: str | os.PathLike, data: bytes | memoryview, *, durable: bool = True) -> None:
    """Write a whole file at once, see :func:`atomic_file`."""
    with atomic_file(path, durable=durable) as file:
        file.write(data)


def write_json(
    path: str | os.PathLike, content: Any, *, indent: int = 1, sort_keys: bool = False
) -> None:
    """Write a JSON file that ends with a line break, see :func:`atomic_file`."""
    write_bytes(path, f'{json.dumps(content, indent=indent, sort_keys=sort_keys)}\n'.encode())


def write_pickle(path: str | os.PathLike, content: Any) -> None:
    """Write a pickle, see :func:`atomic_file`."""
    with atomic_file(path) as file:
        pickle.dump(content, file, protocol=4)


def sweep(path: str | os.PathLike) -> None:
    """Remove what killed processes have left of writing ``path``; none may be writing it now."""
    target = Path(path)
    for left in target.parent.glob(f'.{glob.escape(target.name)}.????????.tmp'):
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


def _neighbour(path: Path) -> Path:
    return path.with_name(f'.{path.name}.{secrets.token_hex(4)}.tmp')
