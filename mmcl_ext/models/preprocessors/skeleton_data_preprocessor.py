from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from mmaction.structures import ActionDataSample
from mmengine.model import BaseDataPreprocessor
from torch import Tensor

from mmcl_ext.models.losses.own_losses import stack_labels
from mmcl_ext.registry import MODELS, TRANSFORMS


@runtime_checkable
class _BatchTransform(Protocol):
    def transform_batch(self, keypoint: Tensor) -> Tensor: ...


@MODELS.register_module()
class SkeletonDataPreprocessor(BaseDataPreprocessor):
    """Move a batch to the device and stack every entry of ``inputs``.

    Takes what ``pseudo_collate`` makes of packed samples: each entry of ``inputs`` a
    list with one tensor per sample, e.g. ``keypoint`` with N tensors
    (num_clips, M, T, V, C), which becomes (N, num_clips, M, T, V, C). Tensors that
    already hold a batch pass through.

    Args:
        blending: Configuration of a blending of clips and labels in training, such as
            :class:`BodyPartMixup` or MMAction2's ``MixupBlending``; it mixes the only entry.
        keep_clips: Whether the blended clips are added to the batch, which then holds 2 N clips, or
            take the place of the others.
        augment: Configurations of transforms that change each batch of ``keypoint`` in training, on
            the device and before the blending: those with ``transform_batch``, such as
            :class:`~mmcl_ext.datasets.transforms.RandomRotation`. They follow the pipeline.
        kwargs: ``non_blocking`` of MMEngine.
    """

    def __init__(
        self,
        blending: dict[str, Any] | None = None,
        keep_clips: bool = False,
        augment: Sequence[dict[str, Any]] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.blending: Any = None if blending is None else MODELS.build(blending)
        self.keep_clips = keep_clips
        self.augment = [_build_batch_transform(step) for step in augment]

    def forward(self, data: dict[str, Any], training: bool = False) -> dict[str, Any]:
        """Return the batch, its inputs stacked, if of one shape; ``data_samples`` may be absent."""
        data = self.cast_data(data)
        inputs = {name: self.batch(name, entry, data) for name, entry in data['inputs'].items()}
        samples = data.get('data_samples')
        if training and self.augment:
            inputs['keypoint'] = self.augmented(inputs)
        if training and self.blending is not None:
            inputs, samples = self.blend(inputs, samples)
        return {**data, 'inputs': inputs, 'data_samples': samples}

    def augmented(self, inputs: dict[str, Tensor]) -> Tensor:
        """Return ``keypoint`` (N, num_clips, M, T, V, C), changed by each transform in turn."""
        keypoint = inputs.get('keypoint')
        if keypoint is None or keypoint.dim() != 6 or keypoint.shape[-1] > 3:
            shapes = {name: tuple(entry.shape) for name, entry in inputs.items()}
            raise ValueError(
                'augment changes keypoint (N, num_clips, M, T, V, C) of one stream, with at most '
                f'3 coordinates; inputs are {shapes}'
            )
        # A training step in bfloat16 has to get the coordinates in full precision.
        with torch.autocast(keypoint.device.type, enabled=False):
            for transform in self.augment:
                keypoint = transform.transform_batch(keypoint)
        return keypoint

    def blend(
        self, inputs: dict[str, Tensor], samples: Sequence[ActionDataSample] | None
    ) -> tuple[dict[str, Tensor], list[ActionDataSample]]:
        """Blend the clips and give them soft labels (K,)."""
        if len(inputs) != 1:
            raise ValueError(
                f'blending mixes clips, not what belongs to them: inputs are {sorted(inputs)}'
            )
        if samples is None:
            raise ValueError('blending needs data_samples with labels, got None')
        [(name, clips)] = inputs.items()
        mixed, blended = self.blending(clips.clone(), [sample.new() for sample in samples])
        if not self.keep_clips:
            return {name: mixed}, blended
        labels = stack_labels(samples)
        if not labels.is_floating_point():
            labels = F.one_hot(labels, self.blending.num_classes).float()
        kept = [
            sample.new().set_gt_label(label) for sample, label in zip(samples, labels, strict=True)
        ]
        return {name: torch.cat((clips, mixed))}, [*kept, *blended]

    def batch(self, name: str, entry: Sequence[Tensor] | Tensor, data: dict[str, Any]) -> Tensor:
        """Stack one entry of the inputs."""
        if isinstance(entry, Tensor):
            return entry
        for index, tensor in enumerate(entry):
            if tensor.shape != entry[0].shape:
                raise ValueError(
                    f'inputs[{name!r}] of a batch must have one shape: '
                    f'{_describe(data, 0)} has {tuple(entry[0].shape)}, '
                    f'{_describe(data, index)} has {tuple(tensor.shape)}'
                )
        return torch.stack(tuple(entry))


def _build_batch_transform(step: dict[str, Any]) -> _BatchTransform:
    transform = TRANSFORMS.build(step)
    if not isinstance(transform, _BatchTransform):
        raise ValueError(
            f'{type(transform).__name__} in augment of the data preprocessor cannot change a '
            'batch: put it into the pipeline, before SkeletonStream'
        )
    return transform


def _describe(data: dict[str, Any], index: int) -> str:
    samples = data.get('data_samples')
    name = samples[index].get('sample_name') if samples else None
    return f'sample {index}' if name is None else f'sample {name!r}'
