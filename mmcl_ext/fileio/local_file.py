"""A path for a file that may lie in an archive."""

import os
import tempfile
from pathlib import Path

from mmcl_ext.fileio.archive_file import ArchiveFile


class LocalFile:
    """Give a file inside an archive a path, because decoders need one.

    A context manager: within it the path is valid. A file of its own is not copied.

    Args:
        member: The file.
    """

    def __init__(self, member: ArchiveFile) -> None:
        self._member = member
        self._temporary: str | None = None

    def __enter__(self) -> Path:
        if self._member.inner is None:
            return self._member.path
        handle, self._temporary = tempfile.mkstemp(suffix=Path(self._member.name).suffix)
        try:
            with os.fdopen(handle, 'wb') as file:
                file.write(self._member.read())
        except BaseException:
            self.__exit__()
            raise
        return Path(self._temporary)

    def __exit__(self, *_: object) -> None:
        if self._temporary is not None:
            os.unlink(self._temporary)
