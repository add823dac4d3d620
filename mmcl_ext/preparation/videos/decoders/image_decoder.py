"""Folders of images, one image per frame, in the order of the numbers in their names."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mmcl_ext.fileio.image import decode_image
from mmcl_ext.fileio.name_file import name_file

IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.webp')
"""Endings of the files that are taken for frames."""

FRAMES_PER_SECOND = 30.0
"""Images do not tell their time."""


def image_files(path: str | os.PathLike) -> list[Path]:
    """List the frames: ``2.jpg`` comes before ``10.jpg``."""
    files = [f for f in Path(path).iterdir() if f.suffix.lower() in IMAGE_SUFFIXES]
    return sorted((f for f in files if not f.name.startswith('.')), key=_natural)


def is_image_folder(path: str | os.PathLike) -> bool:
    """Tell whether a path is a folder with frames."""
    return os.path.isdir(path) and bool(image_files(path))


def count(path: str | os.PathLike) -> int:
    """Count the images."""
    return len(image_files(path))


def read(path: str | os.PathLike, wanted: set[int]) -> dict[int, np.ndarray]:
    """Read frames (H, W, 3) uint8 BGR."""
    files = image_files(path)
    found = {}
    for index in sorted(wanted):
        if index < len(files):
            with name_file(files[index]):
                frame = decode_image(files[index].read_bytes())
            if frame is None:
                raise ValueError(f'{files[index]}: not a readable image')
            found[index] = frame
    return found


def frames(path: str | os.PathLike) -> Iterator[tuple[float, np.ndarray]]:
    """Yield the frames one after the other, with the seconds of thirty frames a second."""
    for index in range(count(path)):
        yield index / FRAMES_PER_SECOND, read(path, {index})[index]


def _natural(path: Path) -> list[tuple[int, str]]:
    parts = re.split(r'(\d+)', path.name)
    return [(int(part), '') if part.isdigit() else (0, part) for part in parts]
