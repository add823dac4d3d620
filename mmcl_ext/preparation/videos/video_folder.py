"""The videos of a folder, by sample name."""

import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

VIDEO_SUFFIXES = ('.avi', '.mp4', '.mkv', '.mov', '.webm', '.m4v', '.mpg', '.mpeg', '.wmv')
"""Endings of the files that are taken for videos."""


class VideoFolder:
    """Videos that lie in a folder, however deep, each named after its sample.

    Args:
        path: The folder; links are followed.
        suffixes: Endings of videos, in lower case.
        strip: Ends of file names that do not belong to the sample's name, such as ``_rgb`` of NTU
            RGB+D and ``_color`` of UTD-MHAD.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        suffixes: Sequence[str] = VIDEO_SUFFIXES,
        strip: Sequence[str] = ('_rgb', '_color'),
    ) -> None:
        self.path, self.suffixes, self.strip = Path(path), tuple(suffixes), tuple(strip)

    @property
    def names(self) -> list[str]:
        """Sample names of the folder, sorted.

        Raises:
            FileNotFoundError: There is no such folder, or it has no video.
            ValueError: Two videos belong to one sample.
        """
        if not self._videos:
            raise FileNotFoundError(f'{self.path} has no video ({", ".join(self.suffixes)})')
        return sorted(self._videos)

    def video(self, name: str) -> Path:
        """Find the video of a sample.

        Raises:
            FileNotFoundError: There is none; names the sample and the folder.
            ValueError: Two videos belong to one sample.
        """
        if name not in self._videos:
            raise FileNotFoundError(f'sample {name!r} has no video in {self.path}')
        return self._videos[name]

    @cached_property
    def _videos(self) -> dict[str, Path]:
        if not self.path.is_dir():
            raise FileNotFoundError(f'no folder of videos at {self.path}')
        found: dict[str, Path] = {}
        for parent, _, files in os.walk(self.path, followlinks=True):
            for file in files:
                path = Path(parent, file)
                if path.suffix.lower() not in self.suffixes or file.startswith('.'):
                    continue
                name = self._sample_name(path.stem)
                if name in found:
                    raise ValueError(f'sample {name!r} has two videos: {found[name]} and {path}')
                found[name] = path
        return found

    def _sample_name(self, stem: str) -> str:
        for end in self.strip:
            if stem.endswith(end) and len(stem) > len(end):
                return stem.removesuffix(end)
        return stem
