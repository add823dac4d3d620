"""Writing of pickles that are whole or absent."""

import os
import pickle
import uuid
from pathlib import Path
from typing import Any


def write_pickle(path: str | os.PathLike, content: Any) -> None:
    """Write a pickle that appears under its name only when it is whole.

    Args:
        path: File to write; missing folders are created.
        content: What to write.

    Raises:
        OSError: It cannot be written; an older file of that name is left as it was.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f'.{path.name}.{uuid.uuid4().hex}.part')
    try:
        with temporary.open('xb') as file:
            pickle.dump(content, file, protocol=4)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
