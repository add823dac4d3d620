import itertools
import os
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from mmcl_ext.preparation.extraction.model_files import own_device
from mmcl_ext.preparation.extraction.sharding import SampleFeatures
from mmcl_ext.preparation.person_boxes.person_box_source import (
    PersonBoxSource,
    detected_box,
    person_limit,
)
from mmcl_ext.preparation.videos.video import count_frames, read_frames
from mmcl_ext.preparation.videos.video_folder import VideoFolder


class DetectorBoxes(PersonBoxSource):
    """Base of the detectors that look for persons in the frames of videos.

    Of several persons in a frame those with the largest product of area and score count, see
    :func:`detected_box`. ``threshold`` is the least score of a person; ``frames_per_batch`` of one
    size go through the detector together. A ValueError if a setting is unknown or out of range.
    """

    def __init__(
        self,
        source: str | os.PathLike,
        *,
        threshold: float = 0.5,
        frames_per_batch: int = 8,
        device: str | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        if not 0 <= threshold < 1:
            raise ValueError(f'threshold must lie in [0, 1), got {threshold}')
        if frames_per_batch < 1:
            raise ValueError(f'frames_per_batch must be at least 1, got {frames_per_batch}')
        self.videos = VideoFolder(source)
        self.threshold, self.frames_per_batch = threshold, frames_per_batch
        self.device = torch.device(device or own_device())

    @property
    def names(self) -> list[str]:
        """Sample names of the folder, sorted."""
        return self.videos.names

    @property
    def recipe(self) -> Mapping[str, object]:
        """Settings; which model it is, is added by those who know."""
        return {
            **super().recipe,
            'threshold': self.threshold,
            'frames_per_batch': self.frames_per_batch,
            'device': self.device.type,
        }

    def read(self, name: str) -> tuple[np.ndarray, ...]:
        """Decode the frames of a sample that are to be boxed: (T, H, W, 3) uint8 BGR.

        Also their numbers (T,), and (2,) how many frames the video has and how many persons count,
        0 for all.
        """
        limit = person_limit(self.max_persons, name)
        path = self.videos.video(name)
        num_frames = count_frames(path)
        numbers = self.choose_frames(num_frames)
        frames = np.stack(read_frames(path, numbers.tolist()))
        return frames, numbers, np.array([num_frames, limit or 0])

    @torch.inference_mode()
    def compute(self, items: Sequence[tuple[np.ndarray, ...]]) -> Sequence[SampleFeatures]:
        """Detect persons in the frames of a batch of samples."""
        frames = [frame for item in items for frame in item[0]]
        detections: list[np.ndarray] = []
        # Frames of one size only: padding to a common one would change what is detected.
        for _, group in itertools.groupby(frames, key=np.shape):
            alike = list(group)
            for start in range(0, len(alike), self.frames_per_batch):
                detections += self.detect(alike[start : start + self.frames_per_batch])
        ends = np.cumsum([len(item[0]) for item in items]).tolist()
        return [
            self._choose(detections[end - len(item[0]) : end], *item)
            for item, end in zip(items, ends, strict=True)
        ]

    @abstractmethod
    def detect(self, frames: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Detect persons in images (H, W, 3), uint8, BGR.

        Returns of each (K, 5): x1, y1, x2, y2 in pixels, score of at least the threshold.
        """

    def _choose(
        self,
        detections: Sequence[np.ndarray],
        frames: np.ndarray,
        numbers: np.ndarray,
        counts: np.ndarray,
    ) -> SampleFeatures:
        num_frames, limit = counts.tolist()
        size = frames.shape[2], frames.shape[1]
        chosen = [detected_box(found, size, limit or None) for found in detections]
        found = np.array([box is not None for box in chosen])
        boxes = np.array([(0, 0, *size) if box is None else box for box in chosen], np.float64)
        return self.pack(boxes, found, numbers, num_frames, size)
