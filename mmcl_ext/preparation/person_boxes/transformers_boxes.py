import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
import transformers

from mmcl_ext.preparation.extraction.model_files import load_pretrained, model_recipe
from mmcl_ext.preparation.person_boxes.detector_boxes import DetectorBoxes
from mmcl_ext.registry import PERSON_BOXES

_DTYPES = ('float32', 'float16', 'bfloat16')


@PERSON_BOXES.register_module()
class TransformersPersonBoxes(DetectorBoxes):
    """Any object detector of transformers; no compiled operators, no torchvision.

    Images are prepared by the variant of the model's image processor that works with Pillow, on
    every machine, so that the boxes do not depend on whether torchvision is installed. A ValueError
    for a setting that is unknown or out of range.

    Args:
        label: The model's name for a person, in upper or lower case.
        dtype: ``'float32'``, ``'float16'`` or ``'bfloat16'``; the half types by autocast, so
            that what needs more digits keeps them. None for float16 on a GPU and float32 on a
            CPU.
    """

    def __init__(
        self,
        source: str | os.PathLike,
        model: str | os.PathLike,
        *,
        revision: str | None = None,
        label: str = 'person',
        dtype: str | None = None,
        trust_remote_code: bool = False,
        **settings: Any,
    ) -> None:
        super().__init__(source, **settings)
        if dtype not in (None, *_DTYPES):
            raise ValueError(f'dtype is {dtype!r}, expected one of {_DTYPES}')
        self.model_name, self.label = os.fspath(model), label
        self.dtype = dtype or ('float16' if self.device.type == 'cuda' else 'float32')
        self._hub: dict[str, Any] = {'revision': revision, 'trust_remote_code': trust_remote_code}
        self.model: Any = None
        self.processor: Any = None
        self._persons: tuple[int, ...] = ()

    @property
    def recipe(self) -> Mapping[str, object]:
        """Model and settings; reads a local model's files once to hash them."""
        return {
            **super().recipe,
            **model_recipe(self.model_name, self._config),
            'label': self.label,
            'dtype': self.dtype,
            'versions': {'torch': torch.__version__, 'transformers': transformers.__version__},
        }

    def load(self) -> None:
        """Load image processor and model."""
        labels: Mapping[int, str] = self._config().id2label
        found = [key for key, value in labels.items() if value.lower() == self.label.lower()]
        if not found:
            known = ', '.join(list(labels.values())[:10])
            raise ValueError(f'{self.model_name} has no label {self.label!r}, it has {known}, ...')
        self._persons = tuple(map(int, found))
        auto = transformers.AutoImageProcessor, transformers.AutoModelForObjectDetection
        self.processor = self._load(auto[0], backend='pil')
        self.model = self._load(auto[1], dtype=torch.float32).to(self.device).eval()

    def _load(self, auto: Any, **settings: Any) -> Any:
        choices = 'PekingU/rtdetr_r50vd or hustvl/yolos-small'
        return load_pretrained(auto, self.model_name, choices, **settings, **self._hub)

    def detect(self, frames: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Detect persons; see :class:`DetectorBoxes`."""
        images = [np.ascontiguousarray(frame[:, :, ::-1]) for frame in frames]  # BGR to RGB
        inputs = self.processor(images=images, return_tensors='pt').to(self.device)
        half = getattr(torch, self.dtype) if self.dtype != 'float32' else None
        with torch.autocast(self.device.type, half, enabled=half is not None):
            outputs = self.model(**inputs)
        outputs.logits, outputs.pred_boxes = outputs.logits.float(), outputs.pred_boxes.float()
        results = self.processor.post_process_object_detection(
            outputs, threshold=self.threshold, target_sizes=[image.shape[:2] for image in images]
        )
        return [self._keep_persons(result) for result in results]

    def _keep_persons(self, result: Mapping[str, torch.Tensor]) -> np.ndarray:
        persons = torch.tensor(self._persons, device=result['labels'].device)
        chosen = torch.isin(result['labels'], persons)
        rows = torch.cat([result['boxes'], result['scores'][:, None]], dim=1)[chosen]
        return rows.cpu().numpy()

    def _config(self) -> Any:
        return transformers.AutoConfig.from_pretrained(self.model_name, **self._hub)
