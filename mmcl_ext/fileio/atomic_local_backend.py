from pathlib import Path

from mmengine.fileio import LocalBackend, register_backend

from mmcl_ext.fileio.atomic_file import write_bytes


class AtomicLocalBackend(LocalBackend):
    """MMEngine's local backend, with an atomic ``put``.

    ``CheckpointHook(backend_args=dict(backend='atomic_local'))`` then never
    leaves half a checkpoint behind when the process is killed while it saves.
    """

    def put(self, obj: bytes | memoryview, filepath: str | Path) -> None:
        """Write ``obj`` under a temporary name, flush it to disk and rename it."""
        write_bytes(filepath, obj)


register_backend('atomic_local', AtomicLocalBackend, force=True)
