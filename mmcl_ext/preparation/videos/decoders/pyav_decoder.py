"""Decoding with PyAV: from the keyframe before a wanted frame where the file allows it."""

import os
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from mmcl_ext.fileio.image import MOST_PIXELS, check_image_size
from mmcl_ext.fileio.name_file import name_file

# Time stamps of these containers are those of showing. AVI has none of its own: FFmpeg makes
# them up in the order of decoding, so that frames of H.264 in AVI (NTU RGB+D) come with the
# stamps of their neighbours.
_STAMPED = ('mov', 'mp4', 'matroska', 'webm')
# One packet, one frame. VP8 has packets without a frame.
_WHOLE_FRAMES = ('h264', 'hevc', 'vp9', 'av1', 'mjpeg', 'mpeg4')


def count(path: str | os.PathLike) -> int:
    """Count the frames: packets where each is a frame, else by decoding all."""
    with _open(path) as container:
        index = _FrameIndex.of(container)
    if index is not None:
        return len(index)
    with _open(path) as container:
        return sum(1 for _ in container.decode(video=0))


def read(path: str | os.PathLike, wanted: set[int]) -> dict[int, np.ndarray]:
    """Read frames (H, W, 3) uint8 BGR by number."""
    found = _read_by_seeking(path, wanted)
    return _read_from_start(path, wanted) if found is None else found


def frames(path: str | os.PathLike) -> Iterator[tuple[float, np.ndarray]]:
    """Yield seconds and frames (H, W, 3) uint8 BGR."""
    with _open(path) as container:
        stream = container.streams.video[0]
        stamped = not set(container.format.name.split(',')).isdisjoint(_STAMPED)
        rate = float(stream.average_rate or 30)
        for index, frame in enumerate(container.decode(stream)):
            known = stamped and frame.time is not None
            yield frame.time if known else index / rate, _image(frame)


def _read_from_start(path: str | os.PathLike, wanted: set[int]) -> dict[int, np.ndarray]:
    found = {}
    last = max(wanted, default=-1)
    with _open(path) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index in wanted:
                found[index] = _image(frame)
            if index >= last:
                break
    return found


def _read_by_seeking(path: str | os.PathLike, wanted: set[int]) -> dict[int, np.ndarray] | None:
    """Read from keyframe to keyframe; None where numbers would not be certain."""
    with _open(path) as container:
        index = _FrameIndex.of(container)
        if index is None:
            return None
        found: dict[int, np.ndarray] = {}
        for keyframe, numbers in index.groups(wanted).items():
            container.seek(keyframe, stream=container.streams.video[0])
            found |= _read_group(container, index, numbers)
        expected = {number for number in wanted if number < len(index)}
        return found if found.keys() == expected else None


def _read_group(container: Any, index: '_FrameIndex', numbers: set[int]) -> dict[int, np.ndarray]:
    found = {}
    for frame in container.decode(video=0):
        number = index.numbers.get(frame.pts)
        if number is None:  # the caller finds frames missing
            break
        if number in numbers:
            found[number] = _image(frame)
        if number >= max(numbers):
            break
    return found


def _image(frame: Any) -> np.ndarray:
    """Convert a frame, turned upright as the file says."""
    if not hasattr(frame, 'rotation'):  # videos of turned phones would come out lying
        raise ImportError('PyAV is too old to tell how a video is turned: install av>=14.2')
    try:  # several threads cost more than they give: 8.7 instead of 5.4 ms for 1920 x 1080
        image = frame.to_ndarray(format='bgr24', threads=1)
    except TypeError:  # an older PyAV
        image = frame.to_ndarray(format='bgr24')
    turns = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(image, turns)) if turns else image


class _FrameIndex:
    """Numbers of the frames by their time stamps; decoding may begin at the keyframes."""

    def __init__(self, stamps: list[int], keyframes: list[int]) -> None:
        self._stamps, self._keyframes = sorted(stamps), sorted(keyframes)
        self.numbers = {stamp: number for number, stamp in enumerate(self._stamps)}

    def __len__(self) -> int:
        return len(self._stamps)

    @classmethod
    def of(cls, container: Any) -> '_FrameIndex | None':
        """Index an open file by reading its packets, which decodes nothing."""
        stream = container.streams.video[0]
        formats = set(container.format.name.split(','))
        codec = stream.codec_context.name
        if formats.isdisjoint(_STAMPED) or codec not in _WHOLE_FRAMES:
            return None
        packets = [  # what is kept of them: all together they are the video
            (packet.pts, packet.is_keyframe, packet.is_discard or packet.is_corrupt)
            for packet in container.demux(stream)
            if packet.size
        ]
        stamps = [stamp for stamp, _, _ in packets]
        keyframes = [stamp for stamp, is_keyframe, _ in packets if is_keyframe]
        cut = any(is_cut for _, _, is_cut in packets)
        if cut or None in stamps or len(set(stamps)) != len(stamps):
            return None
        return cls(stamps, keyframes) if keyframes and keyframes[0] == stamps[0] else None

    def groups(self, wanted: set[int]) -> dict[int, set[int]]:
        """Sort wanted frames by the keyframe from which they are decoded."""
        groups: dict[int, set[int]] = {}
        for number in sorted(wanted):
            if number < len(self):
                place = bisect_right(self._keyframes, self._stamps[number])
                groups.setdefault(self._keyframes[max(place - 1, 0)], set()).add(number)
        return groups


@contextmanager
def _open(path: str | os.PathLike) -> Iterator[Any]:
    """Open a file; FFmpeg's errors become ValueError."""
    import av

    try:
        with av.open(os.fspath(path)) as container:
            if not container.streams.video:
                raise ValueError(f'{path}: no video: there is no picture in it, only sound or text')
            codec = container.streams.video[0].codec_context
            with name_file(path):
                check_image_size(codec.width, codec.height)
            codec.options = {'max_pixels': str(MOST_PIXELS)}  # where later frames are larger
            # Processes work side by side, so none needs several threads.
            codec.thread_count = 1
            yield container
    except av.error.FFmpegError as error:
        raise ValueError(f'{path}: not a readable video: {error}') from error
