"""Files of a raw data set, in an unpacked folder or still inside its ZIP archives."""

import os
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

from mmcl_ext.fileio.name_file import DAMAGE, name_file

_MOST_PACKED = 1100  # deflate packs 1032 bytes into one at best


def describe_file(path: Path) -> dict[str, Any]:
    """Tell a file's name and state, for the metadata of a store."""
    stat = path.stat()
    return dict(name=path.name, bytes=stat.st_size, modified=stat.st_mtime_ns)


@dataclass(frozen=True)
class ArchiveFile:
    """A file in a folder or, under the name ``inner``, inside the ZIP archive ``path``."""

    path: Path
    inner: str | None = None

    @property
    def name(self) -> str:
        """File name without folders."""
        return self.path.name if self.inner is None else PurePosixPath(self.inner).name

    def read(self) -> bytes:
        """Read the whole file; a ValueError if the archive is damaged at it."""
        if self.inner is None:
            return self.path.read_bytes()
        with name_file(self, DAMAGE):
            archive = _open_archive(self.path)
            entry = archive.getinfo(self.inner)
            if entry.file_size > _MOST_PACKED * max(entry.compress_size, 1):
                raise ValueError(
                    f'{entry.compress_size} bytes tell of {entry.file_size} unpacked ones'
                )
            return archive.read(self.inner)

    def stamp(self) -> str:
        """Describe the file's state: another text means that it has changed."""
        stat = self.path.stat()
        return f'{self}:{stat.st_size}:{stat.st_mtime_ns}'

    def __str__(self) -> str:
        return str(self.path) if self.inner is None else f'{self.path}:{self.inner}'


@contextmanager
def local_file(member: ArchiveFile) -> Iterator[Path]:
    """Give a file inside an archive a path within the block, because decoders need one."""
    if member.inner is None:
        yield member.path
        return
    with tempfile.NamedTemporaryFile(suffix=Path(member.name).suffix) as file:
        file.write(member.read())
        file.flush()
        yield Path(file.name)


def find_members(root: str | os.PathLike, folder: str, suffix: str) -> dict[str, ArchiveFile]:
    """List the files of one modality of a data set, by file name, sorted.

    ``ROOT/FOLDER/*`` is taken when that folder exists, otherwise ``ROOT/FOLDER.zip`` and
    ``ROOT/FOLDER-*.zip`` (archives that come in several parts). A damaged archive, or a file
    that two archives hold, is a ValueError.
    """
    root = Path(root)
    if (root / folder).is_dir():
        found = [ArchiveFile(path) for path in (root / folder).rglob(f'*{suffix}')]
    else:
        archives = [root / f'{folder}.zip', *sorted(root.glob(f'{folder}-*.zip'))]
        archives = [path for path in archives if path.is_file()]
        if not archives:
            raise FileNotFoundError(f'neither {root / folder} nor {root / folder}.zip exists')
        found = [member for path in archives for member in _members_of(path, suffix)]
    return dict(sorted(_by_name(found).items()))


def find_files(
    source: str | os.PathLike, suffix: str, key: Callable[[ArchiveFile], str] | None = None
) -> dict[str, ArchiveFile]:
    """List all files of one kind, however deep: a folder's, and those in its ZIP archives.

    They are listed under a ``key``, by default their names, which have to differ. An ending in
    capitals is the same ending, and the names have the ``suffix`` as it is asked for. A file that
    lies there unpacked is taken instead of the one in an archive; links to folders are followed.
    """
    key = key or (lambda file: file.name[: -len(suffix)] + suffix)
    source = Path(source)
    if not source.exists():
        raise FileNotFoundError(f'neither a folder nor an archive: {source}')
    found = os.walk(source, followlinks=True)
    paths = sorted(Path(folder, name) for folder, _, names in found for name in names)
    paths = [source] if source.is_file() else paths
    ours = (path for path in paths if path.name.lower().endswith(suffix))
    unpacked = _by_name(map(ArchiveFile, ours), key)
    archives = [path for path in paths if path.suffix.lower() == '.zip']
    packed = _by_name((file for path in archives for file in _members_of(path, suffix)), key)
    return dict(sorted((packed | unpacked).items()))


def _by_name(
    found: Iterable[ArchiveFile], key: Callable[[ArchiveFile], str] | None = None
) -> dict[str, ArchiveFile]:
    members: dict[str, ArchiveFile] = {}
    for member in found:
        # Archives packed on a Mac carry a `._name` beside every file.
        if member.name.startswith('.'):
            continue
        name = member.name if key is None else key(member)
        if name in members:
            raise ValueError(f'{name} comes twice: {members[name]} and {member}')
        members[name] = member
    return members


def _members_of(archive: Path, suffix: str) -> list[ArchiveFile]:
    with name_file(archive, DAMAGE):
        names = _open_archive(archive).namelist()
    return [ArchiveFile(archive, name) for name in names if name.lower().endswith(suffix)]


@lru_cache(maxsize=8)
def _opened(path: Path, pid: int, stamp: tuple[int, int]) -> zipfile.ZipFile:
    # By process, because forked processes would share one file offset; by the file's state.
    return zipfile.ZipFile(path)


def _open_archive(path: Path) -> zipfile.ZipFile:
    stat = path.stat()
    return _opened(path, os.getpid(), (stat.st_size, stat.st_mtime_ns))
