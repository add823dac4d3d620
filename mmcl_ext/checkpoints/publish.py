"""Checkpoints to hand out: weights, and all that is to be known to use them."""

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from mmcl_ext.checkpoints.data_description import DATA_KEY
from mmcl_ext.checkpoints.load import (
    INFO_KEY,
    build_from_info,
    build_pipeline,
    describe,
    load_weights,
    published_info,
)
from mmcl_ext.checkpoints.model_info import ModelInfo, check_config, plain_values
from mmcl_ext.config.load_config import load_config
from mmcl_ext.fileio.atomic_file import write_bytes
from mmcl_ext.fileio.checkpoint import checkpoint_bytes, read_checkpoint

_HASHED = re.compile(r'-[0-9a-f]{8}$')


class Published(NamedTuple):
    """A published checkpoint; its name ends in the first eight digits of its SHA-256."""

    path: Path
    sha256: str
    info: ModelInfo


def publish(
    model: str | os.PathLike,
    checkpoint: str | os.PathLike | None,
    out: str | os.PathLike,
    recipe: Mapping[str, Any] | None = None,
) -> Published:
    """Write the deployable part of a checkpoint with its description.

    ``model`` is the configuration of the training of ``checkpoint``, or a published checkpoint,
    without another, to write in another format or with more in its recipe.

    The file holds CPU tensors and plain values, loads with ``torch.load(path,
    weights_only=True)`` or, where ``out`` ends in ``.safetensors``, with that library, and needs
    no configuration. The same input gives the same bytes, hence the same name: the hash is added
    to ``out``, a file or folder.
    ``recipe`` adds to the recipe, such as ``license`` and ``metrics``.

    Raises:
        FileNotFoundError: A file is missing.
        ValueError: The weights do not fit the configuration or are not all finite.
    """
    source = str(checkpoint or model)
    content = read_checkpoint(source)
    if checkpoint is None:
        info = published_info(model, content)
        info = replace(info, recipe={**info.recipe, **plain_values(recipe or {})})
    else:
        cfg = load_config(Path(model))
        check_config(cfg)
        recipe = {'config': _config_name(model), **(recipe or {})}
        info = describe(cfg, content, recipe, source)
    foreign = ModelInfo.from_dict(info.to_dict())  # what a reader of the file will build
    build_pipeline(foreign)
    network = build_from_info(foreign)
    load_weights(network, content['state_dict'], source)
    state = {key: value.detach().cpu().contiguous() for key, value in network.state_dict().items()}
    meta = {INFO_KEY: info.to_dict(), 'dataset_meta': _dataset_meta(info)}
    if DATA_KEY in content['meta']:
        meta[DATA_KEY] = plain_values(content['meta'][DATA_KEY])
    path = _target(Path(out), Path(model))
    suffix = '.safetensors' if path.suffix == '.safetensors' else '.pth'
    data = checkpoint_bytes({'meta': meta, 'state_dict': state}, suffix)
    digest = hashlib.sha256(data).hexdigest()
    stem = _HASHED.sub('', path.name.removesuffix(suffix))
    path = path.with_name(f'{stem}-{digest[:8]}{suffix}')
    write_bytes(path, data)
    return Published(path, digest, info)


def _config_name(config: str | os.PathLike) -> str:
    """Name a configuration as this package ships it: ``skeleton/ctrgcn_ntu60.py``."""
    parts = Path(config).parts
    below = [i for i, part in enumerate(parts) if part == 'configs']
    return '/'.join(parts[below[-1] + 1 :]) if below else Path(config).name


def _dataset_meta(info: ModelInfo) -> dict[str, Any]:
    return {'classes': list(info.classes), 'layout': info.layout}


def _target(out: Path, model: Path) -> Path:
    return out / f'{model.stem}.pth' if out.is_dir() else out
