"""Deployed models from a configuration and a checkpoint, or from a published file alone."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from torch import Tensor, nn

from mmcl_ext.checkpoints.data_description import (
    ALLOWED_KEY,
    DataDescription,
    check_same_data,
    layout_after,
)
from mmcl_ext.checkpoints.described_types import build_described
from mmcl_ext.checkpoints.model_info import ModelInfo, check_config, plain_values
from mmcl_ext.checkpoints.state_comparison import check_finite, check_fit
from mmcl_ext.config.build_model import build_model
from mmcl_ext.config.load_config import load_config
from mmcl_ext.datasets.store import SkeletonStore
from mmcl_ext.fileio.checkpoint import read_checkpoint
from mmcl_ext.graphs.layout import conflict
from mmcl_ext.registry import MODELS, TRANSFORMS

_HOW_TO_IMPORT = 'import the module that registers it, by the option --import MODULE'

INFO_KEY = 'model_info'
"""Entry of a published checkpoint's ``meta`` with :meth:`ModelInfo.to_dict`."""


def load_deployed(
    model: str | os.PathLike,
    checkpoint: str | os.PathLike | None = None,
    *,
    device: str | torch.device = 'cpu',
    refinement: bool = False,
) -> tuple[nn.Module, ModelInfo]:
    """Load a model as it is after its training, in evaluation mode, and its description.

    ``model`` is a published checkpoint, or the configuration of a training whose checkpoint, whole
    or stripped, is ``checkpoint``; a ValueError if it is damaged or does not fit. ``refinement``
    keeps what refines scores by text features.
    """
    published = checkpoint is None
    content = read_checkpoint(model if checkpoint is None else checkpoint)
    cfg = None if published else load_config(Path(model))
    info = (
        published_info(model, content)
        if cfg is None
        else describe(cfg, content, source=str(checkpoint))
    )
    if refinement and cfg is None:
        raise ValueError(f'{model} is published without refinement: give its configuration')
    settings = info.model if cfg is None or not refinement else _with_refinement(cfg)
    module = build_from_info(info, settings)
    load_weights(module, content['state_dict'], str(checkpoint or model))
    return module.to(device).eval(), info


def describe(
    cfg: Config,
    content: Mapping[str, Any],
    recipe: Mapping[str, Any] | None = None,
    source: str = 'the checkpoint',
) -> ModelInfo:
    """Describe a trained model by its configuration and its checkpoint.

    Names of classes and the layout of the data are taken from the checkpoint, which MMEngine
    makes with the training data's meta information; else from the test data, if they are there.
    A checkpoint that was trained on other data than the configuration names is a ValueError.
    """
    check_config(cfg)
    dataset = cfg.test_dataloader.dataset
    meta, stored = content['meta'], _store_facts(dataset)
    known = {**stored, **(meta.get('dataset_meta') or {})}
    published = meta.get(INFO_KEY) or {}
    info = ModelInfo.from_cfg(
        cfg,
        classes=known.get('classes') or published.get('classes'),
        layout=dataset.get('layout') or known.get('layout') or published.get('layout'),
        recipe={**published.get('recipe', {}), **(recipe or {})},
    )
    with DefaultScope.overwrite_default_scope(info.scope):
        check_same_data(
            DataDescription.from_meta(meta),
            DataDescription.of(
                info.pipeline,
                stored | dataset.get('metainfo', {}),
                num_classes=len(info.classes),
                backbone=info.model['backbone'],
            ),
            source,
            'the configuration and its test data',
            cfg.get(ALLOWED_KEY, ()),
        )
    return info


def build_from_info(info: ModelInfo, settings: Mapping[str, Any] | None = None) -> nn.Module:
    """Build a model from its description, or from ``settings`` in place of its own."""
    info.ensure_layout()
    model = _build_model(info, settings or info.model)
    graph: Any = getattr(getattr(model, 'backbone', None), 'graph', None)
    data = layout_after(info.pipeline, dict(info.skeleton, name=info.layout))
    if data and hasattr(graph, 'layout') and (problem := conflict(data, graph.layout)):
        raise ValueError(f'the layout of the data is not that of the graph: {problem}')
    return model


def _build_model(info: ModelInfo, settings: Mapping[str, Any]) -> nn.Module:
    if not info.foreign:
        return build_model(settings, info.scope)
    try:
        return build_described(settings, MODELS, info.scope)
    except KeyError as error:
        raise ValueError(f'cannot build the model: {error.args[0]}; {_HOW_TO_IMPORT}') from error


def load_weights(model: nn.Module, state: Mapping[str, Tensor], source: str) -> None:
    """Load weights that fit exactly, apart from those that the model ignores, and are finite."""
    ignored = tuple(getattr(model, 'ignore_keys', ()))
    kept = {key: value for key, value in state.items() if not key.startswith(ignored)}
    check_fit(model.state_dict(), kept, source)
    check_finite(kept, source)
    model.load_state_dict(kept)


def published_info(path: str | os.PathLike, content: Mapping[str, Any]) -> ModelInfo:
    """Return the description in the content of a published checkpoint; else a ValueError."""
    values = content['meta'].get(INFO_KEY)
    if not isinstance(values, Mapping):
        raise ValueError(
            f'{path} is not a published checkpoint: give its configuration as well, or publish '
            'it with tools/checkpoint/publish.py'
        )
    return ModelInfo.from_dict(values)


def _store_facts(dataset: Mapping[str, Any]) -> dict[str, Any]:
    path = Path(dataset.get('data_root') or '', dataset.get('ann_file') or '')
    if path.suffix != '.safetensors' or not path.is_file():
        return {}
    store = SkeletonStore(path)
    facts = dict(classes=store.classes, layout=dataset.get('layout') or store.layout)
    # with a map between classes, the labels are those of the training, not of the store
    return {k: v for k, v in facts.items() if k != 'classes' or 'class_map' not in dataset}


def _with_refinement(cfg: Config) -> dict[str, Any]:
    """Return the configuration of a deployed model that keeps its refinement by text."""
    with DefaultScope.overwrite_default_scope(cfg.get('default_scope') or 'mmcl_ext'):
        kind = MODELS.get(cfg.model.type)
    if not hasattr(kind, 'refinement_cfg'):
        raise ValueError(f'{cfg.model.type} has nothing that refines scores by text')
    return plain_values(kind.refinement_cfg(cfg.model.to_dict()))


def build_pipeline(info: ModelInfo) -> list[Any]:
    """Build the transforms of a model's test, which have to be known here and admitted."""
    return [_build(step, info) for step in info.pipeline]


def _build(step: dict[str, Any], info: ModelInfo) -> Any:
    step = {key: _pair(value) for key, value in step.items()}
    try:
        if info.foreign:
            return build_described(step, TRANSFORMS, info.scope)
        with DefaultScope.overwrite_default_scope(info.scope):
            return TRANSFORMS.build(step)
    except (KeyError, TypeError, ValueError) as error:
        hint = f'; {_HOW_TO_IMPORT}' if isinstance(error, KeyError) else ''
        raise ValueError(
            f'cannot build the transform {step.get("type")!r:.200}: {error.args[0]}{hint}'
        ) from error


def _pair(value: Any) -> Any:
    """Make a tuple of a list of numbers, which a description cannot tell apart."""
    numbers = isinstance(value, list) and all(type(item) in (int, float) for item in value)
    return tuple(value) if numbers else value
