"""Pipelines from the descriptions of models."""

from typing import Any

from mmengine.registry import DefaultScope

from mmcl_ext.checkpoints.described_types import build_described
from mmcl_ext.checkpoints.model_info import ModelInfo
from mmcl_ext.registry import TRANSFORMS


def build_pipeline(info: ModelInfo) -> list[Any]:
    """Build the transforms of a model's test.

    Raises:
        ValueError: A transform is unknown here or not admitted, or has other arguments.
    """
    return [_build(step, info) for step in info.pipeline]


def _build(step: dict[str, Any], info: ModelInfo) -> Any:
    try:
        if info.foreign:
            return build_described(step, TRANSFORMS, info.scope)
        with DefaultScope.overwrite_default_scope(info.scope):
            return TRANSFORMS.build(dict(step))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f'cannot build the transform {step.get("type")!r:.200}: {error.args[0]}; import the '
            'module that registers it'
        ) from error
