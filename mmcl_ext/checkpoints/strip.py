"""Skeleton-only checkpoints."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from mmcl_ext.fileio.checkpoint import read_checkpoint, write_checkpoint

TRAIN_ONLY = ('co_learning.',)
"""Prefixes of the state-dict keys that only a training needs."""


def strip_checkpoint(
    source: str | os.PathLike, target: str | os.PathLike, prefixes: Sequence[str] = TRAIN_ONLY
) -> int:
    """Write a checkpoint without the keys of some prefixes; return the number of them.

    The result holds ``meta`` and ``state_dict``, loads with ``weights_only=True``
    and with ``strict=True`` into the skeleton-only model. It is there only when it is complete.

    Raises:
        FileNotFoundError: There is no such checkpoint.
        ValueError: It cannot be read, or nothing would remain.
    """
    checkpoint = read_checkpoint(source)
    state = checkpoint['state_dict']
    kept = {key: value for key, value in state.items() if not key.startswith(tuple(prefixes))}
    if not kept:
        raise ValueError(f'{source} has no keys besides those that start with {tuple(prefixes)}')
    meta = plain(checkpoint['meta'])
    write_checkpoint({'meta': meta, 'state_dict': kept}, target)
    return len(state) - len(kept)


def plain(value: Any) -> Any:
    """Turn nested values into what ``torch.load(weights_only=True)`` admits.

    Mappings become dicts, numpy scalars become numbers, arrays become lists;
    anything unknown becomes its text.
    """
    if isinstance(value, Mapping):
        return {plain(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(plain, value)) if type(value) is tuple else list(map(plain, value))
    if isinstance(value, (np.ndarray, np.generic)):
        return plain(value.tolist())
    known = (torch.Tensor, str, bool, int, float, bytes, type(None))
    return value if isinstance(value, known) else str(value)
