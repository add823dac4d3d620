"""Random changes of a skeleton sequence for training.

Those that commute with every stream have ``transform_batch``, too: the same change of a whole
batch (N, num_clips, M, T, V, C), each sample by numbers of its own, on the batch's device. The
``augment`` of a :class:`~mmcl_ext.models.SkeletonDataPreprocessor` runs them.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmengine.dist import get_rank, get_world_size
from torch import Tensor

from mmcl_ext.datasets.transforms.geometry import (
    Coordinates,
    PrintableTransform,
    multiply,
    numbers_for,
    require_xyz,
    rotation_matrix,
)
from mmcl_ext.graphs.body_parts import body_parts
from mmcl_ext.graphs.layouts import get_layout
from mmcl_ext.registry import TRANSFORMS


def draw_batch(samples: int, count: int) -> np.ndarray:
    """Draw numbers (N, count), float64, uniform in [0, 1), from torch's generator.

    The processes of a run may share a seed, so each draws for all of them and takes its part.
    """
    drawn = torch.rand(get_world_size(), samples, count, dtype=torch.float64)
    return drawn[get_rank()].numpy()


@TRANSFORMS.register_module()
class RandomJointDrop(PrintableTransform):
    """Set joints to zero for a whole clip, as if the sensor had lost them.

    Each joint of each person is lost with the probability ``prob``, independently of the others.

    Modified keys: ``keypoint`` (M, T, V, C).
    """

    def __init__(self, prob: float = 0.1) -> None:
        if not 0 <= prob < 1:
            raise ValueError(f'prob must lie in [0, 1), got {prob}')
        self.prob = prob

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Zero the lost joints."""
        M, _, V, _ = results['keypoint'].shape
        kept = np.random.rand(M, 1, V, 1) >= self.prob
        results['keypoint'] = results['keypoint'] * kept
        return results


@TRANSFORMS.register_module()
class RandomMirror(PrintableTransform):
    """Mirror a clip: negate x and exchange the left joints with the right ones.

    Meant for coordinates around an origin on the body (after ``CenterSkeleton``);
    not for actions that differ by the hand used. Without ``negate`` the sides are exchanged
    alone, which is no mirror image: the flip of ProtoGCN, ACLNet and SkeletonAgent. The
    ``layout`` takes the place of the samples'; a batch needs it.

    Required keys: ``layout``. Modified keys: ``keypoint`` (M, T, V, C);
    ``keypoint_score`` (M, T, V) where present.
    """

    def __init__(self, prob: float = 0.5, negate: bool = True, layout: str | None = None) -> None:
        if not 0 <= prob <= 1:
            raise ValueError(f'prob must lie in [0, 1], got {prob}')
        self.prob = prob
        self.negate = negate
        self.layout = layout

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Mirror the coordinates, or leave them."""
        if np.random.rand() >= self.prob:
            return results
        partners = get_layout(self.layout or results['layout']).partners
        results['keypoint'] = self._mirror(results['keypoint'], partners)
        if 'keypoint_score' in results:
            results['keypoint_score'] = results['keypoint_score'][:, :, partners]
        return results

    def transform_batch(self, keypoint: Tensor) -> Tensor:
        """Mirror the samples that are drawn."""
        drawn = draw_batch(len(keypoint), 1) < self.prob
        chosen = torch.from_numpy(drawn).to(keypoint.device, non_blocking=True)
        mirrored = self._mirror(keypoint, self._symmetric_partners(keypoint.shape[-2]))
        return torch.where(chosen.view(-1, *[1] * (keypoint.dim() - 1)), mirrored, keypoint)

    def _mirror(self, keypoint: Coordinates, partners: np.ndarray) -> Coordinates:
        mirrored = keypoint[..., partners, :]
        if self.negate:
            mirrored[..., 0] *= -1
        return mirrored

    def _symmetric_partners(self, joints: int) -> np.ndarray:
        """Return the partners, unless joints of a mirrored stream would be others."""
        if self.layout is None:
            raise ValueError("RandomMirror needs layout to mirror batches, as layout='nturgb+d'")
        layout = get_layout(self.layout)
        partners, parents = layout.partners, np.array(layout.parents)
        if len(partners) != joints:
            raise ValueError(
                f'the layout {self.layout!r} of RandomMirror has {len(partners)} joints, the clips '
                f'have {joints}'
            )
        if (parents[partners] != partners[parents]).any():
            raise ValueError(
                f'RandomMirror cannot mirror batches of layout {self.layout!r}, whose left bones '
                'are not those of the right: put it into the pipeline, before SkeletonStream'
            )
        return partners


_LIMBS = ('left_arm', 'right_arm', 'left_leg', 'right_leg')


@TRANSFORMS.register_module()
class RandomPartDrop(PrintableTransform):
    """Set parts of the body to zero for a whole clip, as if something stood before them.

    Each part of each person is lost with the probability ``prob``, independently of the others;
    with ``together``, one part of all persons is, drawn evenly (ProtoGCN, CVPR 2025). The
    ``parts`` are names from :func:`mmcl_ext.graphs.body_parts.body_parts`, or groups of joints
    (0-based), which a layout without such names needs.

    Required keys: ``layout``. Modified keys: ``keypoint`` (M, T, V, C).
    """

    def __init__(
        self,
        prob: float = 0.1,
        parts: Sequence[str | Sequence[int]] = _LIMBS,
        together: bool = False,
    ) -> None:
        if not 0 <= prob < 1:
            raise ValueError(f'prob must lie in [0, 1), got {prob}')
        if not parts:
            raise ValueError(f'parts must not be empty, got {parts}')
        self.prob = prob
        self.parts = tuple(parts)
        self.together = together

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Zero the lost parts."""
        keypoint = results['keypoint'].copy()
        for person, part in np.argwhere(self._lost(len(keypoint))):
            joints = self._joints(self.parts[part], results['layout'], keypoint.shape[2])
            keypoint[person, :, joints] = 0
        results['keypoint'] = keypoint
        return results

    def _lost(self, persons: int) -> np.ndarray:
        """Draw which person (M,) loses which part: bool, (M, parts)."""
        if not self.together:
            return np.random.rand(persons, len(self.parts)) < self.prob
        lost = np.zeros((persons, len(self.parts)), bool)
        if np.random.rand() < self.prob:
            lost[:, np.random.randint(len(self.parts))] = True
        return lost

    @staticmethod
    def _joints(part: str | Sequence[int], layout: str, num_joints: int) -> list[int]:
        if isinstance(part, str):
            parts = body_parts(layout)
            if part not in parts:
                raise ValueError(f'layout {layout!r} has no part {part!r}; it has {list(parts)}')
            return list(parts[part])
        if not all(0 <= joint < num_joints for joint in part):
            raise ValueError(f'part {tuple(part)} names joints outside the {num_joints} joints')
        return list(part)


@TRANSFORMS.register_module()
class RandomRotation(PrintableTransform):
    """Rotate all persons and frames by one random rotation about the origin.

    The three angles are uniform in [-theta, theta) radians, drawn from torch's generator;
    the rotation is Rz Ry Rx (CTR-GCN, Chen et al., ICCV 2021). Zeros stay zero.

    Modified keys: ``keypoint`` (M, T, V, 3).
    """

    def __init__(self, theta: float = 0.3) -> None:
        if theta < 0:
            raise ValueError(f'theta must not be negative, got {theta}')
        self.theta = theta

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Rotate the coordinates."""
        keypoint = results['keypoint']
        require_xyz(keypoint, type(self).__name__)
        angles = torch.empty(3).uniform_(-self.theta, self.theta).tolist()
        results['keypoint'] = multiply(keypoint, rotation_matrix(angles).T)
        return results

    def transform_batch(self, keypoint: Tensor) -> Tensor:
        """Rotate each sample of a batch."""
        require_xyz(keypoint, type(self).__name__)
        angles = self.theta * (2 * draw_batch(len(keypoint), 3) - 1)
        return multiply(keypoint, rotation_matrix(angles).swapaxes(1, 2))


@TRANSFORMS.register_module()
class RandomScale(PrintableTransform):
    """Scale each axis of a clip by its own factor, uniform in [1 - scale, 1 + scale).

    Modified keys: ``keypoint`` (M, T, V, C).
    """

    def __init__(self, scale: float = 0.2) -> None:
        if not 0 <= scale < 1:
            raise ValueError(f'scale must lie in [0, 1), got {scale}')
        self.scale = scale

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Scale the coordinates."""
        num_channels = results['keypoint'].shape[-1]
        factors = np.random.uniform(1 - self.scale, 1 + self.scale, num_channels)
        results['keypoint'] = results['keypoint'] * factors.astype(np.float32)
        return results

    def transform_batch(self, keypoint: Tensor) -> Tensor:
        """Scale each sample of a batch."""
        N, *_, C = keypoint.shape
        factors = 1 + self.scale * (2 * draw_batch(N, C) - 1)
        return keypoint * numbers_for(keypoint, factors).view(N, *[1] * (keypoint.dim() - 2), C)


@TRANSFORMS.register_module()
class RandomView(PrintableTransform):
    """Turn a clip about its x and y axes and scale it, as CTR-GCN does for NW-UCLA.

    The two angles are whole degrees, uniform in [-max_degrees, max_degrees]; the
    scale is uniform. For row vectors X' = s X Ry Rx. Zeros stay zero.

    Modified keys: ``keypoint`` (M, T, V, 3).
    """

    def __init__(self, max_degrees: int = 60, scale: Sequence[float] = (0.5, 1.5)) -> None:
        if max_degrees < 0:
            raise ValueError(f'max_degrees must not be negative, got {max_degrees}')
        if len(scale) != 2 or not 0 < scale[0] <= scale[1]:
            raise ValueError(f'scale takes 0 < smallest <= largest, got {scale}')
        self.max_degrees = max_degrees
        self.scale = (scale[0], scale[1])

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Turn and scale the coordinates."""
        keypoint = results['keypoint']
        require_xyz(keypoint, type(self).__name__)
        x, y = np.deg2rad(np.random.randint(-self.max_degrees, self.max_degrees + 1, size=2))
        turn = rotation_matrix((x, y, 0))
        results['keypoint'] = multiply(keypoint, turn * np.random.uniform(*self.scale))
        return results

    def transform_batch(self, keypoint: Tensor) -> Tensor:
        """Turn and scale each sample of a batch."""
        require_xyz(keypoint, type(self).__name__)
        drawn = draw_batch(len(keypoint), 3)
        degrees = np.floor(drawn * (2 * self.max_degrees + 1)) - self.max_degrees
        turn = rotation_matrix(np.deg2rad(degrees * (1, 1, 0)))
        smallest, largest = self.scale
        scale = smallest + (largest - smallest) * drawn[:, 2]
        return multiply(keypoint, turn * scale[:, None, None])
