"""Read and write checkpoints: one reader of weights for the whole package."""

import io
import json
import os
import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.runner.checkpoint import CheckpointLoader
from torch import Tensor

from mmcl_ext.fileio.atomic_file import write_bytes
from mmcl_ext.fileio.name_file import names_file
from mmcl_ext.fileio.printable import bounded_repr
from mmcl_ext.fileio.zoo import PREFIX, find_in_zoo

_LEVELS = ('state_dict', 'model_state_dict', 'model', 'net', 'network', 'weights')
_HOLDERS = ('module.', 'model.', 'net.', 'network.')
_META_KEY = 'mmcl_ext.meta'  # of a .safetensors file


@names_file
def read_checkpoint(path: str | os.PathLike) -> dict[str, Any]:
    """Read ``state_dict`` and ``meta`` of a checkpoint without running what it holds.

    The levels and prefixes that training code wraps around a state are removed: dicts as
    ``state_dict`` or ``model``, ``module.`` of parallel and ``_orig_mod.`` of compiled models, and
    the name under which a trainer holds the model, such as ``net.``, where all entries have it.
    A bare state dictionary has an empty ``meta``. The path is that of a ``.pt``, ``.pth`` or
    ``.safetensors`` file, ``zoo:NAME``, or an address that MMEngine reads. A file that cannot be
    read, or holds no weights, is a ValueError.
    """
    content = _load(path)
    return {'state_dict': find_weights(content, path), 'meta': dict(content.get('meta') or {})}


def find_weights(content: Any, path: str | os.PathLike) -> dict[str, Tensor]:
    """Return the weights in a checkpoint, as :func:`read_checkpoint` does."""
    state = content
    for name in _LEVELS:
        if isinstance(state, Mapping) and isinstance(state.get(name), Mapping):
            state = state[name]
    if not isinstance(state, Mapping) or not state:
        raise ValueError(f'{path} holds no state dictionary of a model')
    wrong = [
        key
        for key, value in state.items()
        if not isinstance(value, Tensor) or not isinstance(key, str)
    ]
    if wrong:
        raise ValueError(
            f'{path} holds no state dictionary of a model: other things than tensors, '
            f'{bounded_repr(wrong[:5])}'
        )
    names = _unwrapped(list(state))
    if len(set(names)) != len(names):
        raise ValueError(f'{path} holds a model twice: with and without a prefix of its names')
    return dict(zip(names, state.values(), strict=True))


def _unwrapped(names: list[str]) -> list[str]:
    """Take prefixes of wrappers away, and those of trainers where every name has it."""
    names = [name.replace('_orig_mod.', '').removeprefix('module.') for name in names]
    for prefix in _HOLDERS:
        if all(name.startswith(prefix) for name in names):
            return _unwrapped([name.removeprefix(prefix) for name in names])
    return names


def require_checkpoint(path: str | os.PathLike) -> None:
    """Raise FileNotFoundError if there is no such checkpoint; addresses are not opened."""
    path = find_in_zoo(path)
    if re.match(r'[\w+.-]{2,}:', str(path)) is None and not Path(path).is_file():
        raise FileNotFoundError(f'there is no checkpoint {os.fspath(path)!r}')


def _load(path: str | os.PathLike) -> Any:
    require_checkpoint(path)
    try:
        return CheckpointLoader.load_checkpoint(str(path), 'cpu', logger='silent')
    except (pickle.UnpicklingError, RuntimeError, EOFError, KeyError) as error:
        reason = str(error).partition('. This is an internal miniz error')[0]
        raise ValueError(f'{path} is not a readable checkpoint: {reason}') from error


@CheckpointLoader.register_scheme(prefixes=(PREFIX, r'.+\.safetensors$'), force=True)
def load_from_safetensors(path: str, map_location: Any = None) -> dict[str, Any]:
    """Let MMEngine read these files and models of the zoo, too; tensors are on the CPU."""
    from safetensors import SafetensorError, safe_open
    from safetensors.torch import load_file

    path = find_in_zoo(path)
    try:
        with safe_open(path, 'pt') as file:
            text = (file.metadata() or {}).get(_META_KEY, '{}')
        meta = json.loads(text)
        if isinstance(meta, dict):
            return {'state_dict': load_file(path), 'meta': meta}
    except (SafetensorError, ValueError, RecursionError) as error:
        raise ValueError(f'{path} is no safetensors file, or damaged: {error}') from error
    raise ValueError(f'{path}: its description {_META_KEY} is no object')


def checkpoint_bytes(content: Any, suffix: str = '.pth') -> bytes:
    """Return what ``torch.save`` writes, or the same as ``.safetensors``, with ``meta`` as JSON."""
    if suffix == '.safetensors':
        from safetensors.torch import save

        state = {key: value.clone() for key, value in content['state_dict'].items()}
        return save(state, {_META_KEY: json.dumps(content['meta'], allow_nan=False)})
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def write_checkpoint(content: Any, target: str | os.PathLike) -> None:
    """Write with ``torch.save``, all at once or not at all."""
    write_bytes(target, checkpoint_bytes(content))
