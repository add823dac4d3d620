"""Checkpoints of other repositories to ours and back."""

import hashlib
import io
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from mmengine.registry import DefaultScope
from mmengine.runner.checkpoint import CheckpointLoader
from torch import Tensor, nn

from mmcl_ext.checkpoints import key_tables
from mmcl_ext.checkpoints.checkpoint_sources import TRAIN_ONLY, Options, Settings, Source, detect
from mmcl_ext.fileio.atomic_local_backend import AtomicLocalBackend
from mmcl_ext.registry import MODELS
from mmcl_ext.version import __version__

Config = dict[str, Any]


class ConvertedCheckpoint(NamedTuple):
    """A foreign checkpoint in our layout.

    Attributes:
        source: Whose checkpoint it is.
        model_cfg: Configuration of the model that it was checked against.
        state_dict: State that loads into this model with ``strict=True``.
        train_only: Entries of a training branch, under their published names.
        notes: What a user has to know about the settings.
    """

    source: str
    model_cfg: Config
    state_dict: dict[str, Tensor]
    train_only: dict[str, Tensor]
    notes: tuple[str, ...] = ()


def read_state(path: str | os.PathLike) -> dict[str, Tensor]:
    """Read the bare state dictionary of a checkpoint.

    Nothing but tensors and plain values is unpickled. The levels and prefixes that
    training code wraps around a state (``state_dict``, ``module.``) are removed.

    Args:
        path: Local ``.pt``, ``.pth`` or ``.safetensors`` file.

    Raises:
        FileNotFoundError: If there is no such file.
        pickle.UnpicklingError: If the file is damaged or holds code.
        ValueError: If it holds no state dictionary.
    """
    return _bare(_load(path), path)


def _load(path: str | os.PathLike) -> Any:
    """Read a local file as ``torch.load(weights_only=True)`` does, with MMEngine's values."""
    if not Path(path).is_file():
        raise FileNotFoundError(f'there is no checkpoint {str(path)!r}')
    if Path(path).suffix == '.safetensors':
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(path)
        except SafetensorError as error:
            raise ValueError(f'{path} is no safetensors file, or damaged: {error}') from error
    return CheckpointLoader.load_checkpoint(str(path), map_location='cpu', logger='silent')


def _bare(loaded: Any, path: str | os.PathLike) -> dict[str, Tensor]:
    for name in ('state_dict', 'model_state_dict', 'model'):
        if isinstance(loaded, Mapping) and isinstance(loaded.get(name), Mapping):
            loaded = loaded[name]
    if not isinstance(loaded, Mapping) or not loaded:
        raise ValueError(f'{path} holds no state dictionary but {type(loaded).__name__}')
    wrong = [key for key, value in loaded.items() if not isinstance(value, Tensor)]
    if wrong:
        raise ValueError(f'{path} holds other things than tensors: {wrong[:5]}')
    return {str(key).removeprefix('module.'): value for key, value in loaded.items()}


def import_state(
    state: Mapping[str, Tensor],
    model_cfg: Config | None = None,
    *,
    k: int | None = None,
    center: int | None = None,
) -> ConvertedCheckpoint:
    """Convert a foreign state dictionary and check that it fits.

    Args:
        state: Bare state dictionary.
        model_cfg: Configuration of the recognizer to import into. By default one is made
            from what the entries show.
        k: Order of InfoGCN's relative representation, which no checkpoint stores.
        center: Centre of mass of HD-GCN, counted from 1, which no checkpoint stores.

    Raises:
        ValueError: If the source is unknown, a needed option is missing or another one is
            given, or entries do not fit, naming the first ones.
    """
    train_only = {key: value for key, value in state.items() if key.startswith(TRAIN_ONLY)}
    source = detect(state)
    network = source.clean({key: state[key] for key in state if key not in train_only})
    try:
        settings = _settings(source, network, model_cfg, Options(k, center))
        model = build_model(settings.model_cfg)
        _check_backbone(source, model)
        compare_entries(source.to_theirs(model.state_dict()), network)
    except ValueError as error:
        raise ValueError(f'this looks like {source.name}, but {error}') from error
    converted = source.to_ours(network)
    model.load_state_dict(converted, strict=True)
    name = f'{source.name}, trained with co-learning' if train_only else source.name
    return ConvertedCheckpoint(name, settings.model_cfg, converted, train_only, settings.notes)


def _settings(
    source: Source, network: Mapping[str, Tensor], model_cfg: Config | None, options: Options
) -> Settings:
    """Take the given configuration, or find one."""
    given = {key: value for key, value in options._asdict().items() if value is not None}
    foreign = [f'{key}={value}' for key, value in given.items() if key not in source.options]
    if foreign:
        raise ValueError(f'that has no {", ".join(foreign)}')
    if model_cfg is None:
        return source.configure(network, options)
    if given:
        raise ValueError(f'{", ".join(given)} belongs into the given configuration, not beside it')
    return Settings(model_cfg)


def _check_backbone(source: Source, model: nn.Module) -> None:
    """Compare what no entry shows.

    Raises:
        ValueError: If the model has another backbone, or a backbone with other traits.
    """
    backbone: Any = model.backbone
    if source.backbone not in (kind.__name__ for kind in type(backbone).__mro__):
        raise ValueError(
            f'the configuration has {type(backbone).__name__} in place of {source.backbone}'
        )
    for name, value in source.traits.items():
        if getattr(backbone, name) != value:
            raise ValueError(f'{name} must be {value}, the configuration has {not value}')


def build_model(model_cfg: Config) -> nn.Module:
    """Build a recognizer from its configuration."""
    with DefaultScope.overwrite_default_scope('mmcl_ext'):
        return MODELS.build(model_cfg)


def compare_entries(expected: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> None:
    """Compare the names and shapes of two state dictionaries.

    Raises:
        ValueError: If they differ, naming the first entries that do.
    """
    problems = [f'{key!r} is missing' for key in expected if key not in given]
    problems += [f'{key!r} has no place in the model' for key in given if key not in expected]
    problems += [
        f'{key!r} has shape {tuple(given[key].shape)}, the model needs {tuple(value.shape)}'
        for key, value in expected.items()
        if key in given and given[key].shape != value.shape
    ]
    if problems:
        raise ValueError(
            f'{len(problems)} entries do not fit. The first: {"; ".join(problems[:5])}'
        )


def save_imported(
    imported: ConvertedCheckpoint, target: str | os.PathLike, original: str | os.PathLike
) -> None:
    """Write an imported checkpoint: ``meta`` and ``state_dict``, all at once or not at all.

    Args:
        imported: What to write.
        target: File to write.
        original: The published file; its name and hash go into ``meta``.
    """
    meta = dict(
        mmcl_ext_version=__version__,
        source=imported.source,
        source_file=Path(original).name,
        source_sha256=hashlib.sha256(Path(original).read_bytes()).hexdigest(),
        model=imported.model_cfg,
    )
    save_checkpoint(dict(meta=meta, state_dict=imported.state_dict), target)


def save_checkpoint(content: Any, target: str | os.PathLike) -> None:
    """Write with ``torch.save``, all at once or not at all."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    AtomicLocalBackend().put(buffer.getvalue(), Path(target))


def export_ctrgcn(path: str | os.PathLike) -> dict[str, Tensor]:
    """Read one of our checkpoints of CTR-GCN and give it the authors' layout.

    Entries of a training branch are left out.

    Args:
        path: Checkpoint of a recognizer with CTRGCN and GCNHead.

    Returns:
        State that loads into the authors' class with ``strict=True``.

    Raises:
        ValueError: If it is no CTR-GCN of ours, or one with a ReLU after the temporal
            branches, which the authors' class does not have.
    """
    loaded = _load(path)
    state = _bare(loaded, path)
    network = {k: v for k, v in state.items() if k.startswith(('backbone.', 'cls_head.'))}
    if 'backbone.blocks.0.gcn.refine.weight' not in network:
        raise ValueError(f'{path} is no CTR-GCN of this package: {sorted(state)[:5]}')
    # A checkpoint of a training carries its configuration as text, an import as a dict.
    if re.search(r"relu_after_concat'?\s*[:=]\s*True", str(loaded.get('meta'))):
        raise ValueError(
            f"{path} was trained with relu_after_concat=True, which the authors' class lacks: "
            'it would give other results there'
        )
    return key_tables.restore_ctrgcn_state_dict(network)
