"""The form in which a network reads a skeleton: joints, streams, number of persons."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from mmcl_ext.datasets.transforms.geometry import PrintableTransform
from mmcl_ext.graphs.joint_map import joint_matrix
from mmcl_ext.graphs.layouts import get_layout, load_layout
from mmcl_ext.registry import TRANSFORMS


@TRANSFORMS.register_module()
class InterpolateJoints(PrintableTransform):
    """Estimate the joints of another layout as weighted sums of the joints at hand.

    Lets a network that knows one sensor's joints read another's, as in the zero-shot
    experiments of MMCL (Liu et al., ACM MM 2024, Section 3.5). Stands before the origin
    is moved to a joint. Weights of a row sum to 1; absent (all-zero) bodies stay zero.

    Required keys: ``layout``. Modified keys: ``keypoint`` (M, T, V, C), ``layout``;
    ``keypoint_score`` (M, T, V) where present: a joint is as sure as the least sure
    joint it is made from.

    Args:
        target: Layout to make, see :func:`~mmcl_ext.graphs.layouts.load_layout`.
        variant: Which table, see :func:`mmcl_ext.graphs.joint_map.joint_map_variants`.
        weights: Those of source joints for joints of the target, by name, in place of a table.
    """

    def __init__(
        self,
        target: str | Mapping[str, Any] = 'nturgb+d',
        variant: str | None = None,
        weights: Mapping[str, Mapping[str, float]] | None = None,
    ) -> None:
        self.target = load_layout(target)
        self.variant = variant
        self.weights = weights
        self._matrices: dict[str, tuple[np.ndarray, np.ndarray]] = {}

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Replace the joints."""
        matrix, per_frame = self._matrix(results['layout'], results['keypoint'].shape[-1])
        keypoint = results['keypoint']
        M, T, V, C = keypoint.shape
        if matrix.shape[1] != V:
            raise ValueError(
                f'layout {results["layout"]!r} has {matrix.shape[1]} joints, the skeleton {V}'
            )
        results['keypoint'] = (keypoint.reshape(M * T, V * C) @ per_frame).reshape(M, T, -1, C)
        if 'keypoint_score' in results:
            spread = np.where(matrix != 0, results['keypoint_score'][..., None, :], np.inf)
            results['keypoint_score'] = spread.min(axis=-1).astype(np.float32)
        results['layout'] = self.target
        return results

    def _matrix(self, layout: str, num_channels: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the matrix (V', V) and what it does to a whole frame, (V C, V' C)."""
        key = f'{layout} {num_channels}'
        if key not in self._matrices:
            matrix = joint_matrix(layout, self.target, self.variant, self.weights)
            # One product of large matrices is faster than one small product per frame.
            per_frame = np.kron(matrix.T, np.eye(num_channels)).astype(np.float32)
            self._matrices[key] = matrix, per_frame
        return self._matrices[key]


_STREAMS = ('joint', 'bone', 'k_bone', 'joint_motion', 'bone_motion', 'k_bone_motion')


@TRANSFORMS.register_module()
class SkeletonStream(PrintableTransform):
    """Turn joints into bones, motions, or motions of bones.

    A bone is a joint minus its parent in the layout, zero for the centre; a k-bone a joint minus
    its parent's parent, zero where there is none (ProtoGCN, CVPR 2025). A motion
    is the next frame minus this one, zero in the last frame. Stands after
    cropping, resampling and rotation, as in CTR-GCN (Chen et al., ICCV 2021).

    Required keys: ``layout``. Modified keys: ``keypoint`` (M, T, V, C), all of whose
    channels are taken as coordinates. With ``keep_joints`` those of the joints follow the
    stream's, (M, T, V, 2 C).
    """

    def __init__(self, stream: str = 'joint', keep_joints: bool = False) -> None:
        if stream not in _STREAMS:
            raise ValueError(f'unknown stream {stream!r}; known are {_STREAMS}')
        self.stream = stream
        self.keep_joints = keep_joints

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Replace the coordinates by those of the stream."""
        joints = keypoint = results['keypoint']
        if 'bone' in self.stream:
            keypoint = _bones(keypoint, results['layout'], self.stream.startswith('k_'))
        if self.stream.endswith('motion'):
            keypoint = _motion(keypoint)
        if self.keep_joints:
            keypoint = np.concatenate((keypoint, joints), axis=-1)
        results['keypoint'] = keypoint
        return results


def _bones(keypoint: np.ndarray, layout: str, long: bool = False) -> np.ndarray:
    parents = get_layout(layout).parents
    if len(parents) != keypoint.shape[2]:
        raise ValueError(
            f'layout {layout!r} has {len(parents)} joints, the skeleton {keypoint.shape[2]}'
        )
    if long:
        parents = tuple(
            joint if parents[parent] == parent else parents[parent]
            for joint, parent in enumerate(parents)
        )
    return keypoint - keypoint.take(parents, axis=2)


def _motion(keypoint: np.ndarray) -> np.ndarray:
    motion = np.zeros_like(keypoint)
    np.subtract(keypoint[:, 1:], keypoint[:, :-1], out=motion[:, :-1])
    return motion


@TRANSFORMS.register_module()
class FormatSkeleton(PrintableTransform):
    """Bring a sample to a fixed number of persons and split it into clips.

    Missing persons are zero, or copies of person 0 (``pad='copy'``, as in CTR-GCN's
    NTU RGB+D 120 arrays of single persons); surplus ones are left out.

    Modified keys: ``keypoint`` (M, num_clips * T, V, C) becomes a contiguous
    (num_clips, num_person, T, V, C); ``num_clips`` is 1 where nobody set it.
    """

    def __init__(self, num_person: int = 2, pad: str = 'zero') -> None:
        if pad not in ('zero', 'copy'):
            raise ValueError(f"pad is 'zero' or 'copy', got {pad!r}")
        if num_person < 1:
            raise ValueError(f'num_person must be positive, got {num_person}')
        self.num_person = num_person
        self.pad = pad

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Pad or cut the persons and put the clips in front."""
        keypoint = results['keypoint'][: self.num_person]
        num_clips = results.get('num_clips', 1)
        M, T, V, C = keypoint.shape
        if T % num_clips:
            raise ValueError(f'{T} frames cannot be split into {num_clips} clips')
        formatted = np.zeros((num_clips, self.num_person, T // num_clips, V, C), np.float32)
        formatted[:, :M] = keypoint.reshape(M, num_clips, -1, V, C).swapaxes(0, 1)
        if self.pad == 'copy':
            formatted[:, M:] = formatted[:, :1]
        results['keypoint'] = formatted
        results['num_person'] = self.num_person
        return results
