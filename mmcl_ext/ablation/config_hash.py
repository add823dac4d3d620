"""Tell whether two configurations lead to the same result."""

import json
from collections.abc import Mapping
from typing import Any

from mmcl_ext.parallel.resumable_parts import content_hash

_DECISIVE = (
    'model',
    'data_preprocessor',
    'train_dataloader',
    'train_cfg',
    'optim_wrapper',
    'param_scheduler',
    'auto_scale_lr',
    'test_dataloader',
    'test_evaluator',
    'test_cfg',
    'randomness',
    'load_from',
    'custom_hooks',
    'default_hooks',
    'default_scope',
    'sync_bn',
    'model_wrapper_cfg',
    'runner_type',
    'data_recipe',
    'text_refinement',
)
"""Settings that may change a result: what MMEngine's Runner reads, and how data were generated."""

_OF_THE_TEST = (
    'test_dataloader',
    'test_evaluator',
    'test_cfg',
    'text_refinement',
    'test_text_file',
)

_WATCHERS = (
    'timer',
    'logger',
    'runtime_info',
    'checkpoint',
    'strip_checkpoint',
    'data_check',
    'co_learning_check',
    'visualization',
    'tensorboard',
    'refinement_monitor',
)
"""Default hooks that look on."""

_LOADER_SPEED = ('num_workers', 'persistent_workers', 'pin_memory', 'prefetch_factor')
_VALIDATION = ('val_begin', 'val_interval', 'dynamic_intervals')


def decisive_settings(cfg: Mapping[str, Any]) -> dict[str, Any]:
    """Take from a configuration what can change the result of a training and its test.

    Left out are variables that nothing reads, folders, logging, validation, and how many
    processes load data: augmentation does not depend on it. The result has JSON types only.
    """
    kept = {key: cfg[key] for key in _DECISIVE if cfg.get(key) is not None}
    kept['default_hooks'] = _without(kept.get('default_hooks', {}), _WATCHERS)
    kept['train_cfg'] = _without(kept.get('train_cfg', {}), _VALIDATION)
    for name in ('train_dataloader', 'test_dataloader'):
        kept[name] = _without(kept.get(name, {}), _LOADER_SPEED)
    if cfg.get('text_refinement'):
        kept['test_text_file'] = cfg.get('test_text_file') or cfg.get('text_file')
    return json.loads(json.dumps(kept, sort_keys=True, default=str))


def training_settings(cfg: Mapping[str, Any]) -> dict[str, Any]:
    """Take those decisive settings that the training depends on."""
    return _without(decisive_settings(cfg), _OF_THE_TEST)


def config_hash(cfg: Mapping[str, Any], processes: int = 1) -> str:
    """Hash the decisive settings, ``randomness`` among them, and the number of processes."""
    return _hash(decisive_settings(cfg), processes)


def training_hash(cfg: Mapping[str, Any], processes: int = 1) -> str:
    """Hash what the training depends on: runs that are only tested differently share it."""
    return _hash(training_settings(cfg), processes)


def _hash(settings: dict[str, Any], processes: int) -> str:
    return content_hash(settings | ({'processes': processes} if processes > 1 else {}))[:12]


def differences(ours: Any, theirs: Any, key: str = '') -> list[str]:
    """List the dotted keys under which two results of :func:`decisive_settings` differ."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        pairs = {str(k): (ours.get(k), theirs.get(k)) for k in (*ours, *theirs)}
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        pairs = {str(i): pair for i, pair in enumerate(zip(ours, theirs, strict=True))}
    else:
        return [] if ours == theirs else [key]
    found = []
    for k, (a, b) in pairs.items():
        found += differences(a, b, f'{key}.{k}' if key else k)
    return found


def _without(node: Mapping[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: value for key, value in node.items() if key not in keys and value is not None}
