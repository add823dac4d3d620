"""The skeleton-only recognizer."""

from collections.abc import Sequence
from typing import Any

from mmengine.model import BaseModel
from mmengine.structures import BaseDataElement
from torch import Tensor, nn

from mmcl_ext.registry import MODELS

Config = dict[str, Any]


@MODELS.register_module()
class SkeletonRecognizer(BaseModel):
    """Skeleton backbone and classification head.

    Args:
        backbone: Configuration of a backbone or the module itself, (N, M, T, V, C) to
            (N, M, C', T', V) or whatever the head can pool.
        cls_head: Configuration of a head or the module itself. Where a configuration
            leaves ``in_channels`` out, it is the backbone's ``out_channels``.
        data_preprocessor: Configuration of a preprocessor or the module itself;
            :class:`SkeletonDataPreprocessor` if None.
        ignore_keys: Prefixes of state-dict entries that are dropped on loading, for
            checkpoints that hold more than this model.
        input_key: Entry of the inputs that the backbone reads; ``'imgs'`` for the heat
            maps (N, num_clips, J, T, H, W) of MMAction2's pipelines.
        init_cfg: MMEngine's initialisation.

    Raises:
        ValueError: If the head's ``in_channels`` differ from the backbone's
            ``out_channels``, or neither is known.
    """

    def __init__(
        self,
        backbone: Config | nn.Module,
        cls_head: Config | nn.Module,
        data_preprocessor: Config | nn.Module | None = None,
        ignore_keys: Sequence[str] = (),
        input_key: str = 'keypoint',
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        preprocessor = data_preprocessor or dict(type='SkeletonDataPreprocessor')
        super().__init__(data_preprocessor=build_module(preprocessor), init_cfg=init_cfg)
        self.backbone = build_module(backbone)
        self.cls_head: Any = _build_head(cls_head, self.backbone)
        self.ignore_keys = tuple(ignore_keys)
        self.input_key = input_key

    @classmethod
    def deploy_cfg(cls, model_cfg: Config) -> Config:
        """Return the configuration of the model that is deployed: this one, unchanged."""
        return model_cfg

    def forward(
        self,
        inputs: dict[str, Tensor],
        data_samples: list[BaseDataElement] | None = None,
        mode: str = 'tensor',
    ) -> Any:
        """Run the model.

        Args:
            inputs: ``keypoint`` (N, num_clips, M, T, V, C), or what ``input_key`` names.
            data_samples: N samples; with ``gt_label`` in mode ``'loss'``.
            mode: ``'loss'``, ``'predict'`` or ``'tensor'``.

        Returns:
            ``'loss'``: losses by name. ``'predict'``: the samples with scores and labels
            averaged over clips. ``'tensor'``: logits (N * num_clips, K).

        Raises:
            ValueError: If the mode is another one.
        """
        if mode == 'loss':
            return self.loss(inputs, data_samples)
        if mode == 'predict':
            return self.predict(inputs, data_samples)
        if mode == 'tensor':
            return self.cls_head(self.extract_feat(inputs[self.input_key]))
        raise ValueError(f"mode must be 'loss', 'predict' or 'tensor', got {mode!r}")

    def loss(
        self, inputs: dict[str, Tensor], data_samples: list[BaseDataElement] | None
    ) -> dict[str, Tensor]:
        """Return the losses of labelled skeletons (N, 1, M, T, V, C)."""
        return self.cls_head.loss(self.extract_feat(inputs[self.input_key]), data_samples)

    def predict(
        self, inputs: dict[str, Tensor], data_samples: list[BaseDataElement] | None
    ) -> list[BaseDataElement]:
        """Return the samples with the scores of skeletons (N, num_clips, M, T, V, C)."""
        return self.cls_head.predict(self.extract_feat(inputs[self.input_key]), data_samples)

    def extract_feat(self, keypoint: Tensor) -> Tensor:
        """Extract features (N * num_clips, M, C', T', V) of skeletons (N, num_clips, M, T, V, C).

        Of heat maps (N, num_clips, J, T, H, W), where the backbone takes them, the features are
        (N * num_clips, C', T', H', W').

        Raises:
            ValueError: If there are not six axes.
        """
        if keypoint.ndim != 6:
            raise ValueError(
                f'{self.input_key} must have six axes, (N, num_clips, M, T, V, C) for skeletons, '
                f'got {tuple(keypoint.shape)}'
            )
        return self.backbone(keypoint.flatten(0, 1))

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        """Drop the ignored entries; both torch and MMEngine pass a copy of the state."""
        ignored = tuple(prefix + key for key in self.ignore_keys)
        for key in [key for key in state_dict if key.startswith(ignored)] if ignored else ():
            del state_dict[key]
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)


def build_module(module: Config | nn.Module) -> nn.Module:
    """Build a module from its configuration; a built one passes through."""
    return MODELS.build(module) if isinstance(module, dict) else module


def _build_head(head: Config | nn.Module, backbone: nn.Module) -> nn.Module:
    """Build a head for a backbone, or check that a built one fits."""
    width = getattr(backbone, 'out_channels', None)
    if isinstance(head, dict):
        if width is None and 'in_channels' not in head:
            raise ValueError(
                f'{type(backbone).__name__} declares no out_channels: give cls_head.in_channels'
            )
        head = build_module({'in_channels': width, **head})
    given = getattr(head, 'in_channels', width)
    if width is not None and given != width:
        raise ValueError(
            f'{type(backbone).__name__} gives {width} channels, '
            f'{type(head).__name__} takes in_channels={given}'
        )
    return head
