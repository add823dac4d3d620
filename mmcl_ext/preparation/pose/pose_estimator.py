from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmcl_ext.config.signatures import arguments_of
from mmcl_ext.preparation.pose.registry import POSE_ESTIMATORS

PRESETS: dict[str, dict[str, Any]] = {
    'blazepose-lite': dict(type='BlazePose', landmarks='lite'),
    'blazepose-full': dict(type='BlazePose', landmarks='full'),
    'blazepose-heavy': dict(type='BlazePose', landmarks='heavy'),
    'rtmpose': dict(type='RTMPose'),
}
"""Pose estimators by the names that command lines take; any other name is a model of MMPose."""


@dataclass(frozen=True, eq=False)
class FramePoses:
    """The N persons of an image, the surest first.

    Attributes:
        keypoint: (N, V, 2) joints in pixels of the image.
        score: (N, V) confidences from 0 to 1.
        world: (N, V, 3) metres, hips at the origin, x to the right of the image, y downwards,
            z away from the camera; None where the estimator sees two dimensions only.
    """

    keypoint: np.ndarray
    score: np.ndarray
    world: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.keypoint)


class PoseEstimator(ABC):
    """Finds the persons of images, one after the other."""

    layout: str
    """Name of the layout of the V joints."""
    metric: bool = False
    """Whether persons come with joints in metres, too."""

    @abstractmethod
    def __call__(self, image: np.ndarray) -> FramePoses:
        """Find the persons of the next image, (H, W, 3) uint8 BGR."""

    def reset(self) -> None:  # noqa: B027, only those who follow persons have something to forget
        """Forget what was seen before: the next image begins another video."""


def build_pose_estimator(name: str, **options: Any) -> PoseEstimator:
    """Build a pose estimator by its name, see :data:`PRESETS`.

    The name is one of the presets, or a model of MMPose, such as ``'rtmpose-m'``; ``options`` take
    the place of the preset's. A setting that is unknown or wrong is a ValueError; an ImportError or
    FileNotFoundError says how to get the package or the weights that are missing.
    """
    cfg = {**PRESETS.get(name, dict(type='MMPose', model=name)), **options}
    kind = POSE_ESTIMATORS.get(cfg.pop('type'))
    assert kind is not None
    known = arguments_of(kind).names
    if unknown := sorted(cfg.keys() - known):
        raise ValueError(
            f'pose estimator {name!r} has no setting {unknown}; it has {sorted(known)}'
        )
    return kind(**cfg)
