"""Choice of a fixed number of frames."""

import random
from typing import Any

import numpy as np

from mmcl_ext.datasets.transforms.printable_transform import PrintableTransform
from mmcl_ext.registry import TRANSFORMS


@TRANSFORMS.register_module()
class PickFrames(PrintableTransform):
    """Choose a fixed number of frames in time order, repeating where too few.

    The rule of CTR-GCN for NW-UCLA. Evenly: trunc(linspace(0, T - 1, num_frames)).
    At random: drawn without replacement from 100 copies of every frame (more, where
    ``num_frames`` asks for more), sorted.

    Modified keys: ``keypoint`` (M, T, V, C), ``total_frames``; ``keypoint_score``
    (M, T, V) where present.

    Args:
        num_frames: Frames to choose.
        random: Choose at random instead of evenly.
    """

    def __init__(self, num_frames: int = 52, random: bool = False) -> None:
        if num_frames < 1:
            raise ValueError(f'num_frames must be positive, got {num_frames}')
        self.num_frames = num_frames
        self.random = random

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Choose the frames."""
        frames = self._frames(results['keypoint'].shape[1])
        results['keypoint'] = results['keypoint'][:, frames]
        if 'keypoint_score' in results:
            results['keypoint_score'] = results['keypoint_score'][:, frames]
        results['total_frames'] = self.num_frames
        return results

    def _frames(self, length: int) -> np.ndarray:
        if not self.random:
            return np.linspace(0, length - 1, self.num_frames).astype(np.int64)
        copies = max(100, -(-self.num_frames // length))
        # Python's generator draws without replacement at a cost of the draws alone.
        drawn = random.sample(range(copies * length), self.num_frames)
        return np.sort(np.array(drawn) % length)
