from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from mmcl_ext.mmcl.encoders.base import IMAGENET_MEAN, IMAGENET_STD
from mmcl_ext.models.preprocessors.skeleton_data_preprocessor import SkeletonDataPreprocessor
from mmcl_ext.registry import MODELS


@MODELS.register_module()
class MMCLDataPreprocessor(SkeletonDataPreprocessor):
    """Stack the batch and bring images and features into the model's form.

    Images (uint8) become float, are divided by 255 and normalised, by the mean and standard
    deviation of each RGB channel in 0..1, on the model's device. Cached image features and text
    features become float32. What is not there is not asked for, so the same preprocessor serves a
    skeleton-only batch. Other arguments: :class:`SkeletonDataPreprocessor`.
    """

    def __init__(
        self,
        mean: Sequence[float] = IMAGENET_MEAN,
        std: Sequence[float] = IMAGENET_STD,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if len(mean) != 3 or len(std) != 3 or min(std) <= 0:
            raise ValueError(f'mean {tuple(mean)} and std {tuple(std)} need three RGB values')
        # Not persistent: a state dict holds what training changes.
        self.register_buffer('mean', torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer('std', torch.tensor(std).view(3, 1, 1), persistent=False)

    def forward(self, data: dict[str, Any], training: bool = False) -> dict[str, Any]:
        """Stack ``keypoint`` and, in training, ``image`` (3, H, W) or (F,) and ``text`` (D,)."""
        batch = super().forward(data, training)
        inputs = batch['inputs']
        if 'image' in inputs:
            inputs['image'] = self._image(inputs['image'])
        if 'text' in inputs:
            inputs['text'] = inputs['text'].float()
        return batch

    def _image(self, image: Tensor) -> Tensor:
        if image.dtype != torch.uint8:
            return image.float()
        return (image.float() / 255 - self.mean) / self.std
