import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from mmcl_ext.fileio.checkpoint import read_checkpoint, write_checkpoint

TRAIN_ONLY = ('co_learning.',)
"""Prefixes of the state-dict keys that only a training needs."""


def strip_checkpoint(source: str | os.PathLike, target: str | os.PathLike) -> int:
    """Write ``meta`` and ``state_dict`` without the train-only keys; return their number."""
    checkpoint = read_checkpoint(source)
    state = checkpoint['state_dict']
    kept = {key: value for key, value in state.items() if not key.startswith(TRAIN_ONLY)}
    if not kept:
        raise ValueError(f'{source} has no keys besides those that start with {TRAIN_ONLY}')
    meta = plain(checkpoint['meta'])
    write_checkpoint({'meta': meta, 'state_dict': kept}, target)
    return len(state) - len(kept)


def plain(value: Any) -> Any:
    """Turn nested values into what ``torch.load(weights_only=True)`` admits, others into text."""
    if isinstance(value, Mapping):
        return {plain(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(plain, value)) if type(value) is tuple else list(map(plain, value))
    if isinstance(value, (np.ndarray, np.generic)):
        return plain(value.tolist())
    known = (torch.Tensor, str, bool, int, float, bytes, type(None))
    return value if isinstance(value, known) else str(value)
