import os
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mmcl_ext.preparation.pose.blazepose_detector import BlazePoseDetector
from mmcl_ext.preparation.pose.networks import find_network, open_network
from mmcl_ext.preparation.pose.pose_estimator import FramePoses, PoseEstimator
from mmcl_ext.preparation.pose.region import Region
from mmcl_ext.preparation.pose.registry import POSE_ESTIMATORS

SIDE = 256
NUM_JOINTS = 33
LANDMARKS = ('lite', 'full', 'heavy')


class Landmarks(NamedTuple):
    """What the landmark network sees in a region.

    Attributes:
        keypoint: (33, 2) pixels of the image.
        score: (33,) visibilities, from 0 to 1.
        world: (33, 3) metres, see :class:`FramePoses`.
        presence: How sure it is that somebody is there, from 0 to 1.
        following: Where to look in the next image.
    """

    keypoint: np.ndarray
    score: np.ndarray
    world: np.ndarray
    presence: float
    following: Region


def decode_landmarks(
    points: np.ndarray, presence: float, world: np.ndarray, region: Region
) -> Landmarks:
    """Decode the outputs of the landmark network.

    Args:
        points: (195,): x, y, z, visibility, presence of 33 joints and 6 auxiliary points, in pixels
            of the region; the last two as logits. Points 33 and 34 span the next region.
        world: (117,): x, y, z of the same in metres, as seen in the upright region.
    """
    rows = points.reshape(-1, 5).astype(np.float64)
    pixels = region.to_image(rows[:, :2] / SIDE)
    metres = world.reshape(-1, 3)[:NUM_JOINTS].astype(np.float64)
    metres[:, :2] = metres[:, :2] @ region.rotation.T
    visible = 1 / (1 + np.exp(-np.clip(rows[:NUM_JOINTS, 3], -80, 80)))
    following = Region.around(*pixels[NUM_JOINTS : NUM_JOINTS + 2])
    return Landmarks(pixels[:NUM_JOINTS], visible, metres, float(presence), following)


@POSE_ESTIMATORS.register_module()
class BlazePose(PoseEstimator):
    """BlazePose with GHUM's metric joints (Bazarevsky et al., arXiv 2006.10204).

    A detector finds persons; each is then followed by the landmark network alone, which looks where
    it saw the person in the image before, until it sees nobody there. While there are fewer than
    ``max_persons``, the detector looks for more in every ``detect_every``-th image. A ValueError if
    a setting is out of range.

    Args:
        landmarks: ``'lite'``, ``'full'`` or ``'heavy'``, or the path of a ``.tflite`` file.
        detector: Path of the detector's ``.tflite`` file; None for the one of the package.
        max_persons: Persons at most; 1 looks at the whole image only, which is faster.
        detect_every: Images from one look for more persons to the next.
        threshold: Least score of a detection.
        presence: Least presence at which a person is still there.
        runtime: Like ``threads`` and the errors, see :func:`open_network`.
    """

    layout = 'blazepose'
    metric = True

    def __init__(
        self,
        landmarks: str = 'full',
        detector: str | os.PathLike | None = None,
        max_persons: int = 4,
        detect_every: int = 15,
        threshold: float = 0.5,
        presence: float = 0.5,
        runtime: str = 'auto',
        threads: int = 0,
    ) -> None:
        if max_persons < 1 or detect_every < 1:
            raise ValueError(
                f'max_persons and detect_every must be positive, got {max_persons}, {detect_every}'
            )
        if not (0 < threshold < 1 and 0 < presence < 1):
            raise ValueError(f'thresholds lie between 0 and 1, got {threshold} and {presence}')
        self.detect = BlazePoseDetector(detector, threshold, runtime, threads)
        path: str | os.PathLike = landmarks
        if landmarks in LANDMARKS:
            path = find_network(f'pose_landmark/pose_landmark_{landmarks}.tflite')
        names = ('Identity', 'Identity_1', 'Identity_4')
        self._run = open_network(path, names, runtime, threads)
        self.max_persons, self.detect_every, self.presence = max_persons, detect_every, presence
        self.reset()

    def reset(self) -> None:
        """Forget the persons seen so far."""
        self._regions: list[Region] = []
        self._since = 0

    def __call__(self, image: np.ndarray) -> FramePoses:
        """Find the persons of the next image, (H, W, 3) uint8 BGR."""
        persons = self._follow(image, self._regions)
        if len(persons) < self.max_persons and (not persons or self._since >= self.detect_every):
            found = self.detect(image, several=self.max_persons > 1)
            persons = distinct([*persons, *self._follow(image, found.regions())])
            self._since = 0
        self._since += 1
        persons = persons[: self.max_persons]
        self._regions = [person.following for person in persons]
        return FramePoses(
            np.array([p.keypoint for p in persons], np.float32).reshape(-1, NUM_JOINTS, 2),
            np.array([p.score for p in persons], np.float32).reshape(-1, NUM_JOINTS),
            np.array([p.world for p in persons], np.float32).reshape(-1, NUM_JOINTS, 3),
        )

    def _follow(self, image: np.ndarray, regions: Sequence[Region]) -> list[Landmarks]:
        """Look at regions; return those in which somebody is, each person once."""
        seen = (self._look(image, region) for region in regions if region.size >= 1)
        return distinct([person for person in seen if person.presence >= self.presence])

    def _look(self, image: np.ndarray, region: Region) -> Landmarks:
        pixels = region.cut(image, SIDE)[None, ..., ::-1].astype(np.float32) / 255
        points, presence, world = self._run(np.ascontiguousarray(pixels))
        return decode_landmarks(points[0], presence.item(), world[0], region)


def distinct(persons: Sequence[Landmarks], nearness: float = 0.12) -> list[Landmarks]:
    """Leave out whoever was seen twice, in two regions: joints that nearly coincide.

    Two are one where the mean distance of their joints is below ``nearness`` of the smaller
    region; the earlier in the list stays.
    """
    kept: list[Landmarks] = []
    for person in persons:
        steps = (np.linalg.norm(person.keypoint - o.keypoint, axis=1).mean() for o in kept)
        sizes = (min(person.following.size, o.following.size) for o in kept)
        if all(step >= nearness * size for step, size in zip(steps, sizes, strict=True)):
            kept.append(person)
    return kept
