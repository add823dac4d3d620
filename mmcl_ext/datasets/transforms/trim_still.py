"""Cutting of the still frames at both ends of a clip."""

from typing import Any

import numpy as np

from mmcl_ext.datasets.transforms.geometry import real_frames
from mmcl_ext.datasets.transforms.printable_transform import PrintableTransform
from mmcl_ext.registry import TRANSFORMS


@TRANSFORMS.register_module()
class TrimStill(PrintableTransform):
    """Cut off the frames in which nobody has moved yet, and those in which all is over.

    For a network that was trained on tightly cut clips and is tested on longer ones. Kept
    are the frames from just before the first pose is left until just after the last pose is
    reached for good; a pose is left where a joint of a person is farther from it than
    ``distance``.
    A clip without such a movement stays whole.

    Modified keys: ``keypoint`` (M, T, V, C), ``total_frames``; ``keypoint_score``
    (M, T, V) where present.

    Args:
        distance: In the unit of the coordinates; 0 cuts nothing.
    """

    def __init__(self, distance: float = 0.15) -> None:
        if distance < 0:
            raise ValueError(f'distance must not be negative, got {distance}')
        self.distance = distance

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Cut the sequence."""
        if not self.distance:
            return results
        kept = self._kept(results['keypoint'])
        for key in ('keypoint', 'keypoint_score'):
            if key in results:
                results[key] = results[key][:, kept]
        results['total_frames'] = results['keypoint'].shape[1]
        return results

    def _kept(self, keypoint: np.ndarray) -> slice:
        real = np.flatnonzero(real_frames(keypoint).any(axis=0))
        if len(real) == 0:
            return slice(None)
        first, last = int(real[0]), int(real[-1])
        started, unfinished = self._away(keypoint, first), self._away(keypoint, last)
        if not started.any() or not unfinished.any():
            return slice(None)
        start = int(started.argmax()) - 1
        end = len(unfinished) - int(unfinished[::-1].argmax())
        return slice(max(start, first), min(end, last) + 1) if start < end else slice(None)

    def _away(self, keypoint: np.ndarray, frame: int) -> np.ndarray:
        """Tell which frames are not near the pose of one of them: bool, (T,)."""
        far = np.linalg.norm(keypoint - keypoint[:, frame : frame + 1], axis=-1) > self.distance
        return np.logical_or.reduce(far & real_frames(keypoint)[..., None], axis=(0, 2))
