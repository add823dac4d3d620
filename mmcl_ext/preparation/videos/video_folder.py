"""The videos of a folder, by sample name."""

import os
import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

from mmcl_ext.preparation.videos.decoders.image_decoder import IMAGE_SUFFIXES

VIDEO_SUFFIXES = ('.avi', '.mp4', '.mkv', '.mov', '.webm', '.m4v', '.mpg', '.mpeg', '.wmv')
"""Endings of the files that are taken for videos."""


class VideoFolder:
    r"""Videos that lie in a folder, however deep, each named after its sample.

    A folder that holds images is a video, too, with one image per frame. A ValueError if the
    pattern is no regular expression, or the name asks for a group without one.

    Args:
        path: The folder; links are followed.
        naming: A regular expression for the end of a video's path, from the start of a folder's or
            file's name on and without the file's ending, and the name of its sample with groups as
            in :func:`re.sub`: ``(r'(a\d+)/(v\d+)_(s\d+)_(e\d+)', r'\1_\3_\4_\2')``. Videos that
            it does not match are left out. None for the file's name alone.
        strip: Ends of file names that do not belong to the sample's name, such as ``_rgb`` of NTU
            RGB+D and ``_color`` of UTD-MHAD.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        strip: Sequence[str] = ('_rgb', '_color'),
        naming: tuple[str, str] | None = None,
    ) -> None:
        self.path, self.strip = Path(path), tuple(strip)
        self._naming = None if naming is None else _compile(*naming)

    @property
    def names(self) -> list[str]:
        """Sample names of the folder, sorted.

        A FileNotFoundError if there is no such folder, or it has no video; a ValueError if two
        videos belong to one sample.
        """
        if not self._videos:
            which = ', '.join(VIDEO_SUFFIXES) if self._naming is None else self._naming[0].pattern
            raise FileNotFoundError(f'{self.path} has no video ({which})')
        return sorted(self._videos)

    def video(self, name: str) -> Path:
        """Find the video of a sample.

        A FileNotFoundError if there is none, which names the sample and the folder; a ValueError if
        two videos belong to one sample.
        """
        if name not in self._videos:
            raise FileNotFoundError(f'sample {name!r} has no video in {self.path}')
        return self._videos[name]

    @cached_property
    def _videos(self) -> dict[str, Path]:
        if not self.path.is_dir():
            raise FileNotFoundError(f'no folder of videos at {self.path}')
        found: dict[str, Path] = {}
        for path in self._walk():
            name = self._sample_name(path)
            if name in found:
                raise ValueError(
                    f'sample {name!r} has two videos: {found[name]} and {path}; where folders are '
                    'part of the name, say so (--names PATTERN NAME)'
                )
            if name is not None:
                found[name] = path
        return found

    def _walk(self) -> Iterator[Path]:
        """Yield video files, and folders of images that hold no video."""
        for parent, _, files in os.walk(self.path, followlinks=True):
            shown = [Path(parent, file) for file in files if not file.startswith('.')]
            videos = [path for path in shown if path.suffix.lower() in VIDEO_SUFFIXES]
            yield from videos
            if not videos and any(path.suffix.lower() in IMAGE_SUFFIXES for path in shown):
                yield Path(parent)

    def _sample_name(self, path: Path) -> str | None:
        below = path.relative_to(self.path) if path != self.path else Path(path.name)
        stem = below.as_posix() if path.is_dir() else below.with_suffix('').as_posix()
        if self._naming is not None:
            pattern, name = self._naming
            match = pattern.fullmatch(stem)
            return match.expand(name) if match else None
        stem = stem.rpartition('/')[2]
        for end in self.strip:
            if stem.endswith(end) and len(stem) > len(end):
                return stem.removesuffix(end)
        return stem


def _compile(pattern: str, name: str) -> tuple[re.Pattern[str], str]:
    try:
        compiled = re.compile(f'(?:.*/)?(?:{pattern})')
        re.sub('(.)' * compiled.groups, name, 'x' * compiled.groups)
    except (re.error, IndexError) as error:
        raise ValueError(f'names {pattern!r} {name!r}: {error}') from None
    return compiled, name
