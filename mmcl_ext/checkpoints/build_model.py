"""Models from their configurations."""

from collections.abc import Mapping
from typing import Any

from mmengine.registry import DefaultScope
from torch import nn

from mmcl_ext.registry import MODELS


def build_model(model_cfg: Mapping[str, Any], scope: str | None = None) -> nn.Module:
    """Build a model.

    Args:
        model_cfg: Configuration of the model.
        scope: Registry scope in which its types are looked up, ``'mmcl_ext'`` by default.

    Raises:
        ValueError: A type is not registered.
    """
    with DefaultScope.overwrite_default_scope(scope or 'mmcl_ext'):
        try:
            return MODELS.build(dict(model_cfg))
        except KeyError as error:
            raise ValueError(
                f'cannot build the model: {error.args[0]}; import the module that registers it'
            ) from error
