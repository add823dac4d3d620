import os
from functools import partial
from pathlib import Path

from mmcl_ext.inference.read_clips import ClipDefaults, read_clips
from mmcl_ext.inference.skeleton_clip import SkeletonClip

ONE_CLIP = ('.csv', '.json', '.mat', '.npy', '.skeleton')
"""Endings of files that hold one clip each."""


class FolderClips:
    """Files with a clip each, anywhere below a folder; their classes are not known."""

    def __init__(self, path: str | os.PathLike, defaults: ClipDefaults) -> None:
        self.path = Path(path)
        self._read = partial(read_clips, defaults=defaults)
        files = (file for file in self.path.rglob('*') if file.suffix.lower() in ONE_CLIP)
        self._files = {file.relative_to(self.path).as_posix(): file for file in sorted(files)}
        if not self._files:
            raise ValueError(f'no file in {self.path} ends in one of {ONE_CLIP}')

    @property
    def title(self) -> str:
        """What to call the folder."""
        return self.path.name or str(self.path)

    def splits(self) -> list[str]:
        """Return nothing: a folder is not split."""
        return []

    def classes(self, split: str) -> list[str]:
        """Return nothing: classes are not known."""
        return []

    def names(self, split: str, class_name: str) -> list[str]:
        """Return the paths of all files below the folder."""
        return list(self._files)

    def read(self, name: str) -> tuple[SkeletonClip, str | None]:
        """Read one of the files; there is no name of a class."""
        if name not in self._files:
            raise ValueError(f'{self.title} has no file {name!r}')
        return next(self._read(self._files[name])), None
