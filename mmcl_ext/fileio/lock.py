import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def locked(folder: Path, patience: float = 0.0) -> Iterator[int]:
    """Keep other processes out of a folder, which is made, by a lock on its file ``lock``.

    The yielded descriptor may be passed to child processes: they hold the lock too, so what a
    killed parent has left behind still counts. After ``patience`` seconds in which another process
    works in the folder, a BlockingIOError says so.
    """
    deadline = time.monotonic() + patience
    while (file := _try_lock(folder)) is None:
        if time.monotonic() > deadline:
            raise BlockingIOError(f'another process works in {folder}')
        time.sleep(0.2)
    with file:
        yield file.fileno()


def _try_lock(folder: Path) -> IO[str] | None:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / 'lock'
    with ExitStack() as stack:
        try:
            file = stack.enter_context(path.open('w'))
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever held the lock may have removed the file before letting go of it.
            is_current = os.fstat(file.fileno()).st_ino == path.stat().st_ino
        except (BlockingIOError, FileNotFoundError):
            return None
        if is_current:
            stack.pop_all()
            return file
    return None
