import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmcl_ext.fileio.file_name import sample_file
from mmcl_ext.inference.read_clips import DEFAULTS, ClipDefaults
from mmcl_ext.inference.skeleton_clip import SkeletonClip
from mmcl_ext.visualization.browse import picture_folder, read_picture
from mmcl_ext.web.folder_clips import FolderClips
from mmcl_ext.web.store_clips import StoreClips

ClipSource = StoreClips | FolderClips


@dataclass(frozen=True, eq=False)
class PickedClip:
    """A clip, the name of its class, and its composite (H, W, 3), uint8, RGB, if they are known."""

    clip: SkeletonClip
    class_name: str | None = None
    composite: np.ndarray | None = None


class ClipLibrary:
    """Clips of stores and folders, with images ``<sample name>.jpg`` of ``composites``."""

    def __init__(
        self,
        sources: Sequence[str | os.PathLike],
        composites: str | os.PathLike | None = None,
        defaults: ClipDefaults = DEFAULTS,
    ) -> None:
        self._composites = None if composites is None else picture_folder(composites)
        self._sources: dict[str, ClipSource] = {}
        for path in sources:
            source = _open(Path(path), defaults)
            self._sources[_unused(source.title, self._sources)] = source

    @property
    def titles(self) -> list[str]:
        """What the sources are called."""
        return list(self._sources)

    def __getitem__(self, title: str) -> ClipSource:
        if title not in self._sources:
            raise ValueError(f'there is no source {title!r}')
        return self._sources[title]

    def pick(self, title: str, name: str) -> PickedClip:
        """Read a clip and its composite."""
        clip, class_name = self[title].read(name)
        return PickedClip(clip, class_name, self._composite(clip.name))

    def _composite(self, name: str) -> np.ndarray | None:
        if self._composites is None or Path(name).name != name:
            return None
        return read_picture(sample_file(self._composites, name, '.jpg'))


def _open(path: Path, defaults: ClipDefaults) -> ClipSource:
    if path.is_dir():
        return FolderClips(path, defaults)
    if not path.is_file():
        raise FileNotFoundError(f'there is no store or folder {str(path)!r}')
    if path.suffix.lower() != '.safetensors':
        raise ValueError(f'examples come from .safetensors stores and folders, not from {path}')
    source = StoreClips(path)
    if not len(source.store):
        raise ValueError(f'{path} holds no clip')
    return source


def _unused(title: str, taken: dict[str, ClipSource]) -> str:
    unique, number = title, 2
    while unique in taken:
        unique, number = f'{title} ({number})', number + 1
    return unique
