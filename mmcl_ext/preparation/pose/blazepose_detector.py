"""BlazePose's person detector: an SSD that finds hips and the circle round the body."""

import os
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mmcl_ext.preparation.pose.networks import find_network, open_network
from mmcl_ext.preparation.pose.region import Region

SIDE = 224
_LAYERS = ((8, 2), (16, 2), (32, 6))  # stride, anchors of a cell: two for each layer of a stride


class Detections(NamedTuple):
    """N persons, in pixels, the surest first.

    Attributes:
        scores: (N,).
        faces: (N, 4) boxes x1, y1, x2, y2 round the faces.
        hips: (N, 2) middles of the hips.
        reach: (N, 2) points of the circles round the bodies, above the hips.
    """

    scores: np.ndarray
    faces: np.ndarray
    hips: np.ndarray
    reach: np.ndarray

    def take(self, index: np.ndarray) -> 'Detections':
        """Keep some of them."""
        return Detections(*(values[index] for values in self))

    def regions(self) -> list[Region]:
        """What the landmark network shall look at."""
        return [Region.around(*points) for points in zip(self.hips, self.reach, strict=True)]


def anchors(side: int = SIDE) -> np.ndarray:
    """Centres (A, 2) of the anchors, from 0 to 1, in the order of the network's outputs."""
    layers = []
    for stride, count in _LAYERS:
        cells = -(-side // stride)
        y, x = np.mgrid[:cells, :cells]
        layers.append(np.repeat((np.stack([x, y], -1).reshape(-1, 2) + 0.5) / cells, count, axis=0))
    return np.concatenate(layers)


def decode(boxes: np.ndarray, logits: np.ndarray, threshold: float) -> Detections:
    """Decode outputs (A, 12) and (A,) to the detections above a threshold, in shares of the image.

    A row holds a box (centre, size) and four points relative to its anchor, of which the first is
    the hips' middle and the second lies on the circle round the body.
    """
    scores = 1 / (1 + np.exp(-np.clip(logits.astype(np.float64), -80, 80)))
    found = np.flatnonzero(scores >= threshold)
    found = found[np.argsort(-scores[found], kind='stable')]
    values = boxes[found].astype(np.float64) / SIDE
    centers = anchors()[found]
    middle, half = values[:, :2] + centers, values[:, 2:4] / 2
    points = values[:, 4:8].reshape(-1, 2, 2) + centers[:, None]
    faces = np.concatenate([middle - half, middle + half], axis=1)
    return Detections(scores[found], faces, points[:, 0], points[:, 1])


def suppress(found: Detections, overlap: float = 0.3, nearness: float = 0.35) -> Detections:
    """Keep one detection of each person: the first, surest one.

    Two are of one person where the intersection over union of their faces exceeds ``overlap``, or
    their hips are nearer than ``nearness`` of the smaller of their circles' radii.
    """
    radius = np.linalg.norm(found.reach - found.hips, axis=1)
    kept: list[int] = []
    for i in range(len(found.scores)):
        near = np.linalg.norm(found.hips[kept] - found.hips[i], axis=1)
        close = near < nearness * np.minimum(radius[kept], radius[i])
        if not (close | (_iou(found.faces[kept], found.faces[i]) > overlap)).any():
            kept.append(i)
    return found.take(np.array(kept, int))


def _iou(boxes: np.ndarray, box: np.ndarray) -> np.ndarray:
    low, high = np.maximum(boxes[:, :2], box[:2]), np.minimum(boxes[:, 2:], box[2:])
    common = np.maximum(high - low, 0).prod(axis=1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1) + (box[2:] - box[:2]).prod()
    return common / np.maximum(areas - common, 1e-9)


def windows(width: int, height: int) -> list[Region]:
    """Squares as large as the short side that cover an image, each half over the next."""
    short, long = sorted((width, height))
    count = max(-(-2 * (long - short) // short), 0) + 1
    places = short / 2 + np.linspace(0, long - short, count)
    across = width >= height
    return [Region((p, short / 2) if across else (short / 2, p), short) for p in places.tolist()]


class BlazePoseDetector:
    """Finds the persons of an image.

    The network finds the most prominent person of a square. So for several persons it looks at
    overlapping squares, see :func:`windows`, and at the whole image where these show nobody. The
    ``path`` is that of a ``.tflite`` file; None takes that of the package mediapipe. For the other
    settings and the errors see :func:`open_network`.
    """

    def __init__(
        self,
        path: str | os.PathLike | None = None,
        threshold: float = 0.5,
        runtime: str = 'auto',
        threads: int = 0,
    ) -> None:
        path = path or find_network('pose_detection/pose_detection.tflite')
        self._run = open_network(path, ('Identity', 'Identity_1'), runtime, threads)
        self.threshold = threshold

    def __call__(self, image: np.ndarray, several: bool = True) -> Detections:
        """Find persons in an image (H, W, 3), uint8, BGR."""
        height, width = image.shape[:2]
        whole = Region((width / 2, height / 2), max(width, height))
        squares = windows(width, height) if several else [whole]
        found = self._look(image, squares)
        if several and len(squares) > 1 and not len(found.scores):
            found = self._look(image, [whole])
        return found

    def _look(self, image: np.ndarray, squares: Sequence[Region]) -> Detections:
        parts = [self._detect(image, square) for square in squares]
        joined = Detections(*(np.concatenate(values) for values in zip(*parts, strict=True)))
        return suppress(joined.take(np.argsort(-joined.scores, kind='stable')))

    def _detect(self, image: np.ndarray, square: Region) -> Detections:
        pixels = square.cut(image, SIDE)[None, ..., ::-1].astype(np.float32) / 127.5 - 1
        boxes, logits = self._run(np.ascontiguousarray(pixels))
        found = decode(boxes[0], logits[0, :, 0], self.threshold)
        faces = square.to_image(found.faces.reshape(-1, 2, 2)).reshape(-1, 4)
        return Detections(
            found.scores, faces, square.to_image(found.hips), square.to_image(found.reach)
        )
