"""Frames out of video files, and of folders that hold one image per frame."""

import importlib.util
import os
from collections.abc import Iterator, Sequence
from types import ModuleType

import cv2
import numpy as np

from mmcl_ext.preparation.videos.decoders import image_decoder, opencv_decoder, pyav_decoder

_DECODERS: dict[str, ModuleType] = {
    'pyav': pyav_decoder,
    'opencv': opencv_decoder,
}
VIDEO_BACKENDS = ('auto', *_DECODERS)
"""Decoders by name; ``'auto'`` is PyAV where it is installed, else OpenCV."""


def has_pyav() -> bool:
    """Tell whether PyAV can be imported; without it OpenCV decodes."""
    return importlib.util.find_spec('av') is not None


def count_frames(path: str | os.PathLike, backend: str = 'auto') -> int:
    """Count the frames of a video by reading it; headers of AVI files are often wrong.

    A ValueError if it cannot be opened or holds no frame, or the backend is unknown or not
    installed.
    """
    count: int = _decoder(path, backend).count(path)
    if not count:
        raise ValueError(f'{path}: video without a single frame')
    return count


def read_frames(
    path: str | os.PathLike, indices: Sequence[int], backend: str = 'auto'
) -> list[np.ndarray]:
    """Read frames (H, W, 3), uint8, BGR, by number; only these are converted to images.

    With PyAV decoding begins at the keyframe before a wanted frame, where the container keeps true
    time stamps (MP4, MOV, Matroska, WebM); elsewhere at the first frame. Numbers may come in any
    order, and twice; ``backend`` is one of :data:`VIDEO_BACKENDS`. A ValueError if the video cannot
    be opened, a number is negative or the video ends before a wanted frame, or the backend is
    unknown or not installed.
    """
    wanted = {int(index) for index in indices}
    if wanted and min(wanted) < 0:
        raise ValueError(f'{path}: frame {min(wanted)} does not exist')
    found: dict[int, np.ndarray] = _decoder(path, backend).read(path, wanted)
    if missing := sorted(wanted - found.keys()):
        raise ValueError(f'{path}: frames {missing} cannot be read, the video ends before them')
    return [found[int(index)] for index in indices]


def iter_frames(
    source: str | os.PathLike | int, backend: str = 'auto'
) -> Iterator[tuple[float, np.ndarray]]:
    """Yield the frames of a video one after the other, upright; memory holds one.

    Args:
        source: A file, an address such as ``rtsp://...``, or the number of a camera. OpenCV reads
            addresses and cameras.
        backend: One of :data:`VIDEO_BACKENDS`.

    Yields:
        Seconds at which a frame is shown, and the frame (H, W, 3), uint8, BGR.

    Raises:
        ValueError: It cannot be opened, breaks off, or has no frame; or the backend is unknown or
            not installed.
    """
    check_backend(backend)
    live = isinstance(source, int) or '://' in os.fspath(source)
    decoder = _DECODERS['opencv'] if live else _decoder(source, backend)
    empty = True
    for frame in decoder.frames(source):
        empty = False
        yield frame
    if empty:
        raise ValueError(f'{source}: video without a single frame')


def video_rate(path: str | os.PathLike, otherwise: float = 30.0) -> float:
    """Return the frames per second that a video declares, ``otherwise`` without a sane one."""
    if os.path.isdir(path):
        return image_decoder.FRAMES_PER_SECOND
    capture = cv2.VideoCapture(os.fspath(path))
    rate = capture.get(cv2.CAP_PROP_FPS)
    capture.release()
    return rate if 1 <= rate <= 240 else otherwise


def check_backend(backend: str) -> None:
    """Raise a ValueError for a decoder that is unknown or not installed."""
    if backend not in VIDEO_BACKENDS:
        raise ValueError(f'unknown video backend {backend!r}, known are {VIDEO_BACKENDS}')
    if backend == 'pyav' and not has_pyav():
        raise ValueError("video backend 'pyav' needs the package 'av': not installed")


def _decoder(path: str | os.PathLike | int, backend: str) -> ModuleType:
    check_backend(backend)
    if os.path.isdir(path):
        return image_decoder
    if backend == 'auto':
        backend = 'pyav' if has_pyav() else 'opencv'
    return _DECODERS[backend]
