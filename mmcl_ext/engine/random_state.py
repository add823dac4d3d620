"""Snapshots of the random number generators of one process."""

import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

RandomState = dict[str, Any]


def get_random_state() -> RandomState:
    """Take the state of Python's, NumPy's and PyTorch's global generators.

    Returns:
        Plain containers and tensors only, so that a checkpoint that holds them
        can be read without unpickling code. ``cuda`` is the generator of the
        current device, or None without CUDA.
    """
    legacy = np.random.get_state(legacy=False)
    assert isinstance(legacy, dict)
    return dict(
        python=random.getstate(),
        numpy=dict(
            key=torch.from_numpy(legacy['state']['key'].astype(np.int64)),
            pos=int(legacy['state']['pos']),
            has_gauss=int(legacy['has_gauss']),
            gauss=float(legacy['gauss']),
        ),
        torch=torch.get_rng_state(),
        cuda=torch.cuda.get_rng_state() if torch.cuda.is_available() else None,
    )


def set_random_state(state: Mapping[str, Any]) -> None:
    """Put the generators back into a state taken by :func:`get_random_state`.

    Args:
        state: The snapshot. Its tensors may lie on any device: loading a
            checkpoint moves them. A state without ``cuda`` leaves that alone.
    """
    version, internal, gauss = state['python']
    random.setstate((version, tuple(internal), gauss))
    key = state['numpy']['key'].cpu().numpy().astype(np.uint32)
    position = {k: state['numpy'][k] for k in ('pos', 'has_gauss', 'gauss')}
    np.random.set_state(('MT19937', key, *position.values()))
    torch.set_rng_state(state['torch'].cpu())
    if state['cuda'] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(state['cuda'].cpu())
