"""Images of SYSU 3D HOI."""

import os
from collections.abc import Sequence
from pathlib import Path

from mmcl_ext.preparation.videos.video_folder import VideoFolder


class SYSUVideos:
    """The folders ``SUBJECT/video<k>/rgb``, one image per frame, as the videos of samples.

    ``subjects`` are the folders of the persons in the order in which the store numbers them, its
    metadata ``subjects``: ``video3`` of the first one belongs to the sample ``s01_a03``. A
    FileNotFoundError if there is no such folder of images; a ValueError if a person's folder is
    none of the store's.
    """

    def __init__(self, path: str | os.PathLike, subjects: Sequence[str]) -> None:
        self._folder = VideoFolder(path, naming=(r'([^/]+)/video(\d+)/rgb', r'\1/\2'))
        self._found = {}
        for found in self._folder.names:
            person, _, activity = found.rpartition('/')
            if person not in subjects:
                raise ValueError(f'{path} has images of {person!r}, whom the store does not have')
            self._found[f's{subjects.index(person) + 1:02d}_a{int(activity):02d}'] = found

    @property
    def names(self) -> list[str]:
        """Sample names."""
        return list(self._found)

    def video(self, name: str) -> Path:
        """Find the folder with the images of a sample; a FileNotFoundError if there is none."""
        if name not in self._found:
            raise FileNotFoundError(f'sample {name!r} has no images in {self._folder.path}')
        return self._folder.video(self._found[name])
