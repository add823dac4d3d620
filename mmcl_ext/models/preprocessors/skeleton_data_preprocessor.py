from collections.abc import Sequence
from typing import Any

import torch
from mmengine.model import BaseDataPreprocessor
from torch import Tensor

from mmcl_ext.registry import MODELS


@MODELS.register_module()
class SkeletonDataPreprocessor(BaseDataPreprocessor):
    """Move a batch to the device and stack every entry of ``inputs``.

    Takes what ``pseudo_collate`` makes of packed samples: each entry of ``inputs`` a
    list with one tensor per sample, e.g. ``keypoint`` with N tensors
    (num_clips, M, T, V, C), which becomes (N, num_clips, M, T, V, C). Tensors that
    already hold a batch pass through.
    """

    def forward(self, data: dict[str, Any], training: bool = False) -> dict[str, Any]:
        """Return the batch, its inputs stacked, if of one shape; ``data_samples`` may be absent."""
        data = self.cast_data(data)
        inputs = {name: self.batch(name, entry, data) for name, entry in data['inputs'].items()}
        return {**data, 'inputs': inputs, 'data_samples': data.get('data_samples')}

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


def _describe(data: dict[str, Any], index: int) -> str:
    samples = data.get('data_samples')
    name = samples[index].get('sample_name') if samples else None
    return f'sample {index}' if name is None else f'sample {name!r}'
