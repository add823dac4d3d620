from typing import Any

import numpy as np
from mmengine.dataset import Compose
from mmengine.registry import DefaultScope
from torch import Tensor

from mmcl_ext.checkpoints.load import build_pipeline
from mmcl_ext.checkpoints.model_info import ModelInfo
from mmcl_ext.datasets.present_persons import choose_persons, person_limit
from mmcl_ext.datasets.seeding import seeded
from mmcl_ext.datasets.transforms import InterpolateJoints
from mmcl_ext.fileio.printable import counted
from mmcl_ext.graphs.layouts import get_layout
from mmcl_ext.inference.skeleton_clip import SkeletonClip

_IN_PIXELS = ('coco', 'openpose')  # layouts whose third coordinate, if any, is a score


def takes_metres(info: ModelInfo, metric: bool = True) -> bool:
    """Tell whether a model is to get joints in metres, if there are some; otherwise in pixels."""
    return metric and info.in_channels % 3 == 0 and info.layout not in _IN_PIXELS


class ClipPreparation:
    """Check a clip, fit it to a model and run the model's test pipeline.

    Joints of another layout are interpolated (:class:`InterpolateJoints`). Persons and frames are
    chosen as in training, see :func:`choose_persons`. With ``fill_missing``, joints that are not
    finite are interpolated linearly in time, those that never are become zeros, instead of being
    refused.
    """

    def __init__(self, info: ModelInfo, fill_missing: bool = False) -> None:
        self.info = info
        self.fill_missing = fill_missing
        self.layout = get_layout(info.ensure_layout())
        self._to_layout = InterpolateJoints(info.layout)
        types = [str(step['type']) for step in info.pipeline]
        self._converts = any(kind.endswith('InterpolateJoints') for kind in types)
        self.pipeline = Compose(build_pipeline(info))
        self._limit = person_limit(self.pipeline.transforms)

    def __call__(self, clip: SkeletonClip) -> dict[str, Any]:
        """Prepare one clip: ``inputs`` and ``data_samples``, or a ValueError that names it."""
        results = self._as_item(clip)
        try:
            if not self._converts:
                results = self._fit_layout(results)
            results = choose_persons(results, self._limit)
            with DefaultScope.overwrite_default_scope(self.info.scope), seeded(0, 0, clip.index):
                packed = self.pipeline(results)
        except ValueError as error:
            raise ValueError(f'clip {clip.name!r}: {error}') from error
        except KeyError as error:
            raise ValueError(f'clip {clip.name!r} lacks {error}, which the model needs') from error
        self._check(clip, packed)
        return packed

    def _as_item(self, clip: SkeletonClip) -> dict[str, Any]:
        """Return what :class:`mmcl_ext.datasets.SkeletonDataset` hands to a pipeline."""
        keypoint = self._finite(clip)
        if 0 in keypoint.shape:
            raise ValueError(f'clip {clip.name!r} is empty: (M, T, V, C) is {keypoint.shape}')
        if not keypoint.any():
            raise ValueError(f'clip {clip.name!r}: nobody is in it, all coordinates are zero')
        item = dict(clip.extra) | dict(
            keypoint=keypoint,
            sample_name=clip.name,
            total_frames=keypoint.shape[1],
            num_person=keypoint.shape[0],
            layout=clip.layout or self.info.layout,
            sample_idx=clip.index,
            modality='Pose',
            start_index=0,
        )
        optional = dict(label=clip.label, keypoint_score=clip.keypoint_score)
        return item | {key: value for key, value in optional.items() if value is not None}

    def _finite(self, clip: SkeletonClip) -> np.ndarray:
        keypoint = np.array(clip.keypoint, np.float32)  # a copy: transforms may write into it
        bad = ~np.isfinite(keypoint)
        if not bad.any():
            return keypoint
        if not self.fill_missing:
            told = counted(int(bad.sum()), 'coordinate is', 'coordinates are')
            person, frame, joint = np.argwhere(bad)[0][:3].tolist()
            raise ValueError(
                f'clip {clip.name!r}: {told} not finite, the first of '
                f'person {person}, frame {frame}, joint {joint}; fill_missing=True interpolates'
            )
        return fill_in_time(keypoint, bad)

    def _fit_layout(self, results: dict[str, Any]) -> dict[str, Any]:
        given = get_layout(results['layout'])
        V = results['keypoint'].shape[2]
        if given.num_joints != V:
            raise ValueError(
                f'{V} joints, but layout {given.name!r} has {given.num_joints}: say which layout '
                'they are in'
            )
        if given.joint_names == self.layout.joint_names:  # other bones between the same joints
            return results | dict(layout=self.layout.name)
        fitted = self._to_layout(results)
        assert fitted is not None
        return fitted

    def _check(self, clip: SkeletonClip, packed: Any) -> None:
        if packed is None:
            raise ValueError(f'clip {clip.name!r}: the pipeline gave it up')
        keypoint = _network_input(packed, self.layout.num_joints)
        if keypoint is not None and keypoint.shape[-1] != self.info.in_channels:
            raise ValueError(
                f'clip {clip.name!r} has {counted(clip.keypoint.shape[3], "coordinate")} per '
                f'joint, which gives {keypoint.shape[-1]}; the model takes {self.info.in_channels}'
            )


def _network_input(packed: dict[str, Any], num_joints: int) -> Tensor | None:
    """Return the skeletons (num_clips, M, T, V, C) that enter the network; None for heat maps."""
    inputs = packed['inputs']
    keypoint = inputs.get('keypoint') if isinstance(inputs, dict) else inputs
    fits = isinstance(keypoint, Tensor) and keypoint.ndim == 5 and keypoint.shape[3] == num_joints
    return keypoint if fits else None


def fill_in_time(keypoint: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """Interpolate missing coordinates (M, T, V, C) in time; those never known become zero."""
    filled = np.where(missing, 0, keypoint)
    times = np.arange(keypoint.shape[1])
    for m, v, c in np.argwhere(missing.any(axis=1)).tolist():
        gap = missing[m, :, v, c]
        if not gap.all():
            filled[m, gap, v, c] = np.interp(times[gap], times[~gap], keypoint[m, ~gap, v, c])
    return filled
