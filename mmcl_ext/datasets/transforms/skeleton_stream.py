"""The four streams of a skeleton sequence."""

from typing import Any

import numpy as np

from mmcl_ext.datasets.transforms.printable_transform import PrintableTransform
from mmcl_ext.graphs.layouts import get_layout
from mmcl_ext.registry import TRANSFORMS

_STREAMS = ('joint', 'bone', 'joint_motion', 'bone_motion')


@TRANSFORMS.register_module()
class SkeletonStream(PrintableTransform):
    """Turn joints into bones, motions, or motions of bones.

    A bone is a joint minus its parent in the layout, zero for the centre. A motion
    is the next frame minus this one, zero in the last frame. Stands after
    cropping, resampling and rotation, as in CTR-GCN (Chen et al., ICCV 2021).

    Required keys: ``layout``. Modified keys: ``keypoint`` (M, T, V, C), all of whose
    channels are taken as coordinates.

    Args:
        stream: ``'joint'``, ``'bone'``, ``'joint_motion'`` or ``'bone_motion'``.
    """

    def __init__(self, stream: str = 'joint') -> None:
        if stream not in _STREAMS:
            raise ValueError(f'unknown stream {stream!r}; known are {_STREAMS}')
        self.stream = stream

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Replace the coordinates by those of the stream."""
        keypoint = results['keypoint']
        if self.stream.startswith('bone'):
            keypoint = _bones(keypoint, results['layout'])
        if self.stream.endswith('motion'):
            keypoint = _motion(keypoint)
        results['keypoint'] = keypoint
        return results


def _bones(keypoint: np.ndarray, layout: str) -> np.ndarray:
    parents = get_layout(layout).parents
    if len(parents) != keypoint.shape[2]:
        raise ValueError(
            f'layout {layout!r} has {len(parents)} joints, the skeleton {keypoint.shape[2]}'
        )
    return keypoint - keypoint.take(parents, axis=2)


def _motion(keypoint: np.ndarray) -> np.ndarray:
    motion = np.zeros_like(keypoint)
    np.subtract(keypoint[:, 1:], keypoint[:, :-1], out=motion[:, :-1])
    return motion
