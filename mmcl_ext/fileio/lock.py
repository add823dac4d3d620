"""One process at a time in a folder."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(folder: Path, patience: float = 0.0) -> Iterator[int]:
    """Keep other processes out of a folder by a lock on its file ``lock``.

    The yielded descriptor may be passed to child processes: they hold the lock too, so what a
    killed parent has left behind still counts.

    Args:
        folder: The folder; it is made if it is missing.
        patience: Seconds to wait for another process.

    Raises:
        BlockingIOError: Another process works in the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / 'lock').open('w') as file:
        deadline = time.monotonic() + patience
        while not _try_lock(file.fileno()):
            if time.monotonic() > deadline:
                raise BlockingIOError(f'another process works in {folder}')
            time.sleep(0.2)
        yield file.fileno()


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
