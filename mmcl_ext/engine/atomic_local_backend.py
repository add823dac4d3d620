"""A local file backend whose files are whole or absent."""

import os
import tempfile
from pathlib import Path

from mmengine.fileio import LocalBackend, register_backend


class AtomicLocalBackend(LocalBackend):
    """MMEngine's local backend, with an atomic ``put``.

    ``CheckpointHook(backend_args=dict(backend='atomic_local'))`` then never
    leaves half a checkpoint behind when the process is killed while it saves.
    """

    def put(self, obj: bytes | memoryview, filepath: str | Path) -> None:
        """Write ``obj`` under a temporary name, flush it to disk and rename it.

        Args:
            obj: What to write.
            filepath: Final path; missing folders are created.
        """
        target = Path(filepath)
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f'.{target.name}.', dir=target.parent)
        try:
            with os.fdopen(handle, 'wb') as file:
                file.write(obj)
                file.flush()
                os.fchmod(file.fileno(), 0o666 & ~_umask())
                os.fsync(file.fileno())
            os.replace(name, target)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


def _umask() -> int:
    """Read the process's umask, which can only be read by setting it."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


register_backend('atomic_local', AtomicLocalBackend, force=True)
