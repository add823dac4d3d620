"""Clips out of a folder of videos, boxed by a box file or taken whole."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from mmcl_ext.fileio.printable import counted
from mmcl_ext.preparation.videos.sample_frames import Clip, sample_frames
from mmcl_ext.preparation.videos.video import check_backend, count_frames, read_frames
from mmcl_ext.preparation.videos.video_folder import VideoFolder

WHOLE_FRAMES = 'whole frames'
"""The boxes in the recipe of clips in which no person was looked for."""


class Boxes(Protocol):
    """Person boxes by sample, such as :class:`~mmcl_ext.datasets.store.box_file.BoxFile`."""

    @property
    def metadata(self) -> Mapping[str, Any]:
        """How the boxes were made, as JSON types."""

    def __contains__(self, name: object) -> bool: ...

    def read(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Read boxes (T, 4) in pixels, and (T,) bool, whether a person was found."""

    def frame_numbers(self, name: str) -> np.ndarray:
        """Read (T,) int64, the frames of the video that the boxes belong to."""

    def num_frames(self, name: str) -> int:
        """Tell how many frames the whole video has."""

    def image_size(self, name: str) -> tuple[int, int] | None:
        """Tell width and height in pixels of the frames, None where that is not known."""


class VideoSource:
    """Clips from videos.

    With boxes, frames are sampled from those in which a person was found. Where there is none, or
    there are boxes of no more frames than wanted, they are sampled from all, and a frame without a
    person is cut by the box that it has, usually the whole frame. A box of which less than a pixel
    lies in the frame counts as none. Without boxes all frames are taken whole. A ValueError if the
    backend is unknown or not installed.

    Args:
        tolerance: Share by which a video may be longer or shorter than its boxes say (two frames
            are always allowed); None to ask for the wanted frames only.
    """

    def __init__(
        self,
        videos: VideoFolder,
        boxes: Boxes | None = None,
        backend: str = 'auto',
        tolerance: float | None = None,
    ) -> None:
        check_backend(backend)
        self.videos, self.boxes, self.backend = videos, boxes, backend
        self.tolerance = tolerance

    @property
    def names(self) -> Sequence[str]:
        """Names of the samples that have a video."""
        return self.videos.names

    @property
    def recipe(self) -> dict[str, object]:
        """What shapes the clips."""
        boxes = WHOLE_FRAMES if self.boxes is None else dict(self.boxes.metadata)
        return {'source': 'videos', 'boxes': boxes}

    def load(self, name: str, keypoint: np.ndarray, num_tiles: int, rule: str) -> Clip:
        """Load uniformly sampled frames of a sample; the skeleton is not looked at."""
        path = self.videos.video(name)
        if self.boxes is None:
            return self._whole(path, num_tiles, rule)
        if name not in self.boxes:
            raise ValueError(f'sample {name!r} has no boxes')
        self._check_length(path, self.boxes.num_frames(name))
        boxes, found = self.boxes.read(name)
        numbers = self.boxes.frame_numbers(name)
        pool = np.flatnonzero(found) if len(found) > num_tiles else np.arange(0)
        pool = pool if len(pool) else np.arange(len(found))
        chosen = pool[sample_frames(len(pool), num_tiles, rule)]
        frames = self._read(path, name, numbers[chosen])
        return Clip(tuple(frames), *_clip_boxes(boxes[chosen], found[chosen], frames))

    def _check_length(self, path: Path, promised: int) -> None:
        if self.tolerance is None:
            return
        count = count_frames(path, self.backend)
        if abs(count - promised) > max(2, self.tolerance * promised):
            raise ValueError(
                f'{path}: {counted(count, "frame")}, but its boxes are of '
                f'{counted(promised, "frame")}'
            )

    def _whole(self, path: Path, num_tiles: int, rule: str) -> Clip:
        chosen = sample_frames(count_frames(path, self.backend), num_tiles, rule)
        frames = read_frames(path, chosen.tolist(), self.backend)
        boxes = np.array([(0, 0, frame.shape[1], frame.shape[0]) for frame in frames])
        return Clip(tuple(frames), boxes, np.ones(num_tiles, bool))

    def _read(self, path: Path, name: str, numbers: np.ndarray) -> list[np.ndarray]:
        assert self.boxes is not None
        try:
            frames = read_frames(path, numbers.tolist(), self.backend)
        except ValueError as error:
            promised = self.boxes.num_frames(name)
            raise ValueError(f'{error} (its boxes are of {counted(promised, "frame")})') from error
        size = self.boxes.image_size(name)
        for frame in frames:
            if size is not None and frame.shape[1::-1] != size:
                raise ValueError(
                    f'{path}: frames of {frame.shape[1]}x{frame.shape[0]}, but its boxes are of '
                    f'{size[0]}x{size[1]}'
                )
        return frames


def _clip_boxes(
    boxes: np.ndarray, found: np.ndarray, frames: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Clip boxes (m, 4) to their frames; less than a pixel becomes the whole frame."""
    sizes = np.array([(frame.shape[1], frame.shape[0]) for frame in frames])
    low, high = np.maximum(boxes[:, :2], 0), np.minimum(boxes[:, 2:], sizes)
    inside = (high - low >= 1).all(1)
    whole = np.concatenate([np.zeros_like(sizes), sizes], axis=1)
    clipped = np.where(inside[:, None], np.concatenate([low, high], axis=1), whole)
    return clipped, found & inside
