from typing import Any

from mmengine.model import BaseModel
from mmengine.structures import BaseDataElement
from torch import Tensor, nn

from mmcl_ext.models.recognizers.skeleton_recognizer import build_module
from mmcl_ext.registry import MODELS


@MODELS.register_module()
class ImageClassifier(BaseModel):
    """Image encoder and classification head, to train an encoder before co-learning.

    Where no public weights fit the images, such as depth maps, the encoder first learns the
    classes from the images of the training samples. Its weights lie under ``image_encoder.``,
    from where an encoder takes them with
    ``init_cfg=dict(type='Pretrained', checkpoint=PATH, prefix='image_encoder')``. The head is one
    that pools, such as ``GCNHead``, of the encoder's width.
    """

    def __init__(
        self,
        image_encoder: nn.Module | dict[str, Any],
        cls_head: dict[str, Any],
        data_preprocessor: nn.Module | dict[str, Any] | None = None,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        preprocessor = data_preprocessor or {'type': 'mmcl_ext.MMCLDataPreprocessor'}
        super().__init__(data_preprocessor=build_module(preprocessor), init_cfg=init_cfg)
        self.image_encoder: Any = build_module(image_encoder)
        width = self.image_encoder.out_channels
        self.cls_head: Any = build_module({'in_channels': width, **cls_head})

    def forward(
        self,
        inputs: dict[str, Tensor],
        data_samples: list[BaseDataElement] | None = None,
        mode: str = 'tensor',
    ) -> Any:
        """Run the model on ``image`` (N, 3, H, W), as :class:`SkeletonRecognizer` on skeletons."""
        feature: Tensor = self.image_encoder(inputs['image'])
        feats = feature[:, None, :, None, None]  # (N, F) to (N, M, F, T, V), all ones but N, F
        if mode == 'loss':
            return self.cls_head.loss(feats, data_samples)
        if mode == 'predict':
            return self.cls_head.predict(feats, data_samples)
        if mode == 'tensor':
            return self.cls_head(feats)
        raise ValueError(f"mode must be 'loss', 'predict' or 'tensor', got {mode!r}")
