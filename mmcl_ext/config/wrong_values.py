"""Settings whose values the runner would stumble over, some of them after the first epoch."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_LEAST: dict[str, int] = {
    'train_cfg.max_epochs': 1,
    'train_cfg.max_iters': 1,
    'train_cfg.val_interval': 1,
    'train_cfg.val_begin': 0,
    **{f'{stage}_dataloader.batch_size': 1 for stage in ('train', 'val', 'test')},
    **{f'{stage}_dataloader.num_workers': 0 for stage in ('train', 'val', 'test')},
    'randomness.seed': 0,
    'default_hooks.logger.interval': 1,
}
"""Whole numbers by their dotted names, with their smallest value; None leaves a default."""


def wrong_values(cfg: Any) -> Iterator[str]:
    """Yield the settings that are no numbers, or too small, and a checkpoint that is missing."""
    for name, least in _LEAST.items():
        value = _find(cfg, name)
        whole = isinstance(value, int) and not isinstance(value, bool)
        if value is not None and not (whole and value >= least):
            yield f'{name} must be a whole number of at least {least}, got {value!r}'
    rate = _find(cfg, 'optim_wrapper.optimizer.lr')
    if rate is not None and not (isinstance(rate, (int, float)) and rate >= 0):
        yield f'optim_wrapper.optimizer.lr must be a number of at least 0, got {rate!r}'
    start = cfg.get('load_from')
    if isinstance(start, str) and ':' not in start and not Path(start).is_file():
        yield f'load_from: there is no checkpoint {start!r}'


def _find(cfg: Any, name: str) -> Any:
    for key in name.split('.'):
        cfg = cfg.get(key) if isinstance(cfg, Mapping) or hasattr(cfg, 'to_dict') else None
    return cfg
