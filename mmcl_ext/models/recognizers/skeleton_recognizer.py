from collections.abc import Sequence
from typing import Any

from mmengine.model import BaseModel
from mmengine.structures import BaseDataElement
from torch import Tensor, nn

from mmcl_ext.models.losses.own_losses import own_losses
from mmcl_ext.registry import MODELS

Config = dict[str, Any]


@MODELS.register_module()
class SkeletonRecognizer(BaseModel):
    """Skeleton backbone and classification head.

    What backbone and head bring of losses of their own, see :func:`own_losses`, is added.

    Args:
        backbone: Configuration of a backbone or the module itself, (N, M, T, V, C) to
            (N, M, C', T', V) or whatever the head can pool.
        cls_head: Configuration of a head or the module itself. Its ``in_channels`` are the
            backbone's ``out_channels``, which a configuration may leave out.
        data_preprocessor: Configuration of a preprocessor or the module itself;
            :class:`SkeletonDataPreprocessor` if None.
        ignore_keys: Prefixes of state-dict entries that are dropped on loading, for
            checkpoints that hold more than this model.
        input_key: Entry of the inputs that the backbone reads; ``'imgs'`` for the heat
            maps (N, num_clips, J, T, H, W) of MMAction2's pipelines.
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
        """Run the model on ``keypoint`` (N, num_clips, M, T, V, C), or what ``input_key`` names.

        Mode ``'loss'`` gives the losses by name, ``'predict'`` the samples with scores and labels
        averaged over clips, ``'tensor'`` logits (N * num_clips, K).
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
        feats = self.extract_feat(inputs[self.input_key])
        losses = self.cls_head.loss(feats, data_samples)
        return losses | own_losses(self.backbone, feats, data_samples)

    def predict(
        self, inputs: dict[str, Tensor], data_samples: list[BaseDataElement] | None
    ) -> list[BaseDataElement]:
        """Return the samples with the scores of skeletons (N, num_clips, M, T, V, C)."""
        return self.cls_head.predict(self.extract_feat(inputs[self.input_key]), data_samples)

    def extract_feat(self, keypoint: Tensor) -> Tensor:
        """Map (N, num_clips, M, T, V, C), or heat maps, to features of N * num_clips clips."""
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


def in_scope_of(old_type: Any, name: str) -> str:
    """Name another class of the same scope: ``mmcl_ext.Old`` gives ``mmcl_ext.name``."""
    scope = old_type.rpartition('.')[0] if isinstance(old_type, str) else ''
    return f'{scope}.{name}' if scope else name


def build_module(module: Config | nn.Module) -> nn.Module:
    """Build a module from its configuration; a built one passes through."""
    return MODELS.build(module) if isinstance(module, dict) else module


def _build_head(head: Config | nn.Module, backbone: nn.Module) -> nn.Module:
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
