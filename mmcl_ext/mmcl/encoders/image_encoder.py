import os
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from torch import Tensor, nn

from mmcl_ext.mmcl.encoders.base import BaseImageEncoder
from mmcl_ext.mmcl.encoders.weights import weights_file
from mmcl_ext.registry import MODELS


@MODELS.register_module()
class ImageEncoder(BaseImageEncoder):
    """Any 2D backbone as an image encoder.

    Feature maps are averaged over their positions; vectors are taken as they are.

    Args:
        backbone: Module or configuration: a registered one, such as
            ``dict(type='mmaction.ResNet', depth=34)``, or a model of torchvision
            or timm where that package is installed, such as
            ``dict(type='timm.resnet18')``; its classifier is then removed.
        out_channels: Width F of the feature. None asks the backbone.
        pretrained: For MMAction2's ResNets: ``'default'`` for the public ImageNet
            weights, the path of a local file with torchvision's names, or None for
            random weights. Other backbones take their own arguments.
    """

    def __init__(
        self,
        backbone: nn.Module | Mapping[str, Any],
        out_channels: int | None = None,
        pretrained: str | os.PathLike | None = None,
        frozen: bool = False,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(frozen=frozen, init_cfg=init_cfg)
        self.backbone: Any = backbone if isinstance(backbone, nn.Module) else _build(dict(backbone))
        self.out_channels = _agreed_width(self.backbone, out_channels)
        self.pretrained = pretrained
        if pretrained is not None and not hasattr(self.backbone, 'torchvision_pretrain'):
            raise ValueError(
                f"pretrained={pretrained!r} is for MMAction2's ResNets; give "
                f"{type(self.backbone).__name__}'s own argument in its configuration"
            )
        self.freeze_if_asked()

    def init_weights(self) -> None:
        """Load the pretrained weights, or let the backbone draw its own."""
        if self.pretrained is not None and not self.is_init:
            architecture = f'resnet{self.backbone.depth}'
            self.backbone.pretrained = str(weights_file(self.pretrained, architecture))
        super().init_weights()

    def encode(self, image: Tensor) -> Tensor:
        """Run the backbone and pool: shape (N, 3, H, W) to (N, F)."""
        x = self.backbone(image)
        if isinstance(x, (tuple, list)):
            x = x[-1]
        return x.mean(dim=tuple(range(2, x.ndim))) if x.ndim > 2 else x


def _build(cfg: dict[str, Any]) -> nn.Module:
    package, _, name = cfg['type'].partition('.') if isinstance(cfg['type'], str) else ('', '', '')
    arguments = {key: value for key, value in cfg.items() if key != 'type'}
    if package == 'timm':
        return import_module('timm').create_model(name, num_classes=0, **arguments)
    if package == 'torchvision':
        return _without_classifier(import_module('torchvision.models').get_model(name, **arguments))
    return MODELS.build(cfg)


def _without_classifier(model: Any) -> nn.Module:
    """Replace the last linear layer of a torchvision model and declare the width."""
    name, last = [
        (name, module) for name, module in model.named_modules() if isinstance(module, nn.Linear)
    ][-1]
    parent, _, leaf = name.rpartition('.')
    setattr(model.get_submodule(parent), leaf, nn.Identity())
    model.out_channels = last.in_features
    return model


def _agreed_width(backbone: Any, given: int | None) -> int:
    """Width that the backbone declares (ResNet of MMAction2: ``feat_dim``) or that was given."""
    names = ('out_channels', 'feat_dim', 'num_features')
    declared = [int(getattr(backbone, name)) for name in names if hasattr(backbone, name)]
    widths = declared[:1] + ([] if given is None else [given])
    if not widths:
        raise ValueError(f'{type(backbone).__name__} declares no width: give out_channels')
    if widths[0] != widths[-1]:
        raise ValueError(
            f'out_channels={given} differs from the {declared[0]} of {type(backbone).__name__}'
        )
    return widths[0]
