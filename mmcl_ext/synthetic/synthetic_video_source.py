"""Rendered frames of synthetic scenes, in the place of videos."""

from collections.abc import Sequence

import numpy as np

from mmcl_ext.preparation.videos.projected_boxes import boxes_from_joints
from mmcl_ext.preparation.videos.sample_frames import Clip, sample_frames
from mmcl_ext.synthetic.renderer import CAMERA, render
from mmcl_ext.synthetic.synthetic_data import SyntheticData


class SyntheticVideoSource:
    """Clips of synthetic scenes for composite images; only the frames asked for are drawn.

    Without ``names``, the training samples have a video: a test reads no image. ``padding`` is
    that of :func:`~mmcl_ext.preparation.videos.projected_boxes.boxes_from_joints`.
    """

    def __init__(
        self, data: SyntheticData, names: Sequence[str] | None = None, padding: float = 0.12
    ) -> None:
        self.data = data
        self.names = tuple(data.splits['train'] if names is None else names)
        self.padding = padding

    @property
    def recipe(self) -> dict[str, object]:
        """What shapes the clips; clips of equal recipes are equal."""
        return {**self.data.recipe, 'padding': self.padding}

    def load(self, name: str, keypoint: np.ndarray, num_tiles: int, rule: str) -> Clip:
        """Draw ``num_tiles`` frames of a sample, chosen by ``rule``, see :func:`sample_frames`.

        The boxes come from the skeleton (M, T, V, 3) as the sensor saw it.

        Raises:
            ValueError: The sample is unknown or its skeleton has another length.
        """
        scene = self.data.scene(name)
        if keypoint.shape[1] != scene.num_frames:
            raise ValueError(
                f'skeleton of {name} has {keypoint.shape[1]} frames, its scene {scene.num_frames}'
            )
        chosen = sample_frames(scene.num_frames, num_tiles, rule)
        background = scene.room.paint(CAMERA)
        frames = tuple(render(scene, int(frame), background) for frame in chosen)
        boxes, found = boxes_from_joints(keypoint[:, chosen], CAMERA, self.padding)
        return Clip(frames, boxes, found)
