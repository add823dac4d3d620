import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from mmcl_ext.datasets.store import SkeletonStore
from mmcl_ext.preparation.person_boxes.skeleton_boxes import ImageJoints, SkeletonBoxes
from mmcl_ext.preparation.videos.camera import CAMERAS, PinholeCamera
from mmcl_ext.preparation.videos.projected_boxes import project_joints
from mmcl_ext.registry import PERSON_BOXES


@PERSON_BOXES.register_module()
class ProjectedSkeletonBoxes(SkeletonBoxes):
    """Boxes around the skeletons of an annotation store, projected into the image.

    Args:
        source: Annotation store with coordinates in metres in the sensor's frame, as those of
            UTD-MHAD and NW-UCLA are.
        camera: Name in :data:`~mmcl_ext.preparation.videos.camera.CAMERAS`, or arguments of
            :class:`~mmcl_ext.preparation.videos.camera.PinholeCamera`.

    Raises:
        FileNotFoundError: There is no such store.
        ValueError: The store's coordinates are not three, or the camera is described wrongly.
    """

    def __init__(
        self, source: str | os.PathLike, *, camera: str | Mapping[str, Any], **settings: Any
    ) -> None:
        self.camera = _make_camera(camera)
        super().__init__(focal=self.camera.focal, size=self.camera.size, **settings)
        self.store = SkeletonStore(source)
        if self.store.num_channels != 3:
            raise ValueError(
                f'{source} has {self.store.num_channels} coordinates per joint, a camera needs 3'
            )

    @property
    def names(self) -> Sequence[str]:
        """Names of the store, in its order."""
        return list(self.store.names)

    @property
    def recipe(self) -> Mapping[str, object]:
        """Camera, settings and how the store was made."""
        return {
            **super().recipe,
            'center': list(self.camera.center),
            'mirrored': self.camera.mirrored,
            'store': self.store.metadata,
        }

    def read_joints(self, name: str) -> ImageJoints:
        """Read and project all persons of a sample."""
        if name not in self._positions:
            raise FileNotFoundError(f'sample {name!r} is not in {self.store.path}')
        joints = self.store.keypoint(self._positions[name])
        return ImageJoints(joints, project_joints(joints, self.camera))

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {name: index for index, name in enumerate(self.store.names)}


def _make_camera(camera: str | Mapping[str, Any]) -> PinholeCamera:
    if isinstance(camera, str):
        if camera not in CAMERAS:
            raise ValueError(f'unknown camera {camera!r}, known are {tuple(CAMERAS)}')
        return CAMERAS[camera]
    values: Any = {key: tuple(v) if isinstance(v, list) else v for key, v in camera.items()}
    try:
        return PinholeCamera(**values)
    except TypeError as error:
        raise ValueError(
            f'camera needs focal, center and size, optionally mirrored, got {dict(camera)}'
        ) from error
