"""Boxes of a source that needs no model, computed when they are asked for."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from mmcl_ext.preparation.person_boxes.person_box_source import PersonBoxSource


class ComputedBoxes:
    """A source of person boxes in the place of a box file."""

    def __init__(self, source: PersonBoxSource) -> None:
        self.source = source
        self._last: tuple[str, Mapping[str, np.ndarray]] | None = None

    @property
    def metadata(self) -> dict[str, Any]:
        """How the boxes are made."""
        return dict(self.source.recipe)

    def __contains__(self, name: object) -> bool:
        return True  # reading tells what is wrong with a sample, better than a bare no

    def read(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Compute the boxes (T, 4) of a sample, and (T,) bool, whether a person was found.

        Raises:
            ValueError: If the sample's input is malformed.
            OSError: If it cannot be read.
        """
        values = self._values(name)
        return values['boxes'], values['found'].astype(bool)

    def frame_numbers(self, name: str) -> np.ndarray:
        """Tell which frames (T,) of the video the boxes belong to."""
        return self._values(name)['frame_numbers']

    def num_frames(self, name: str) -> int:
        """Tell how many frames the video should have."""
        return int(self._values(name)['video'][0])

    def image_size(self, name: str) -> tuple[int, int]:
        """Tell width and height of the frames."""
        _, width, height = self._values(name)['video'].tolist()
        return width, height

    def _values(self, name: str) -> Mapping[str, np.ndarray]:
        if self._last is None or self._last[0] != name:
            features = self.source.compute([self.source.read(name)])
            self._last = name, features[0].values
        return self._last[1]
