"""Checkpoints to hand out: weights, and all that is to be known to use them."""

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from mmcl_ext.checkpoints.data_description import DATA_KEY
from mmcl_ext.checkpoints.load import (
    INFO_KEY,
    build_from_info,
    build_pipeline,
    describe,
    load_weights,
    published_info,
)
from mmcl_ext.checkpoints.model_info import ModelInfo, plain_values
from mmcl_ext.config.load_config import load_config
from mmcl_ext.config.options import below_configs
from mmcl_ext.fileio.atomic_file import write_bytes
from mmcl_ext.fileio.checkpoint import checkpoint_bytes, read_checkpoint
from mmcl_ext.fileio.zoo import find_in_zoo

PRECISION_KEY = 'weights'
"""Entry of a recipe: ``'float16'`` where weights are stored in half precision."""

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
    *,
    half: bool = False,
) -> Published:
    """Write the deployable part of a checkpoint with its description.

    ``model`` is the configuration of the training of ``checkpoint``, or a published checkpoint,
    without another, to write in another format or with more in its recipe.

    The file holds CPU tensors and plain values, loads with ``torch.load(path, weights_only=True)``
    or, where ``out`` ends in ``.safetensors``, with that library, and needs no configuration. The
    same input gives the same bytes, hence the same name: the hash is added to ``out``, a file or
    folder. ``recipe`` adds to the recipe, such as ``license`` and ``metrics``. Weights that do not
    fit the configuration or are not finite are a ValueError.

    ``half`` stores weights of two and more axes in float16, and what published files of them are
    published again as. Networks are always built in float32; statistics and biases stay exact.
    """
    source = str(checkpoint or model)
    content = read_checkpoint(source)
    if checkpoint is None:
        info = published_info(model, content)
        info = replace(info, recipe={**info.recipe, **plain_values(recipe or {})})
    else:
        name = '/'.join(below_configs(Path(model)))  # as shipped: skeleton/ctrgcn_ntu60.py
        recipe = {'config': name, **(recipe or {})}
        info = describe(load_config(Path(model)), content, recipe, source)
    if half:
        info = replace(info, recipe={**info.recipe, PRECISION_KEY: 'float16'})
    foreign = ModelInfo.from_dict(info.to_dict())  # what a reader of the file will build
    build_pipeline(foreign)
    network = build_from_info(foreign)
    load_weights(network, content['state_dict'], source)
    state = {key: value.detach().cpu().contiguous() for key, value in network.state_dict().items()}
    if info.recipe.get(PRECISION_KEY) == 'float16':
        state = {key: _halved(value) for key, value in state.items()}
    dataset_meta = {'classes': list(info.classes), 'layout': info.layout}
    meta = {INFO_KEY: info.to_dict(), 'dataset_meta': dataset_meta}
    if DATA_KEY in content['meta']:
        meta[DATA_KEY] = plain_values(content['meta'][DATA_KEY])
    path = Path(out, f'{Path(find_in_zoo(model)).stem}.pth') if Path(out).is_dir() else Path(out)
    suffix = '.safetensors' if path.suffix == '.safetensors' else '.pth'
    data = checkpoint_bytes({'meta': meta, 'state_dict': state}, suffix)
    digest = hashlib.sha256(data).hexdigest()
    stem = _HASHED.sub('', path.name.removesuffix(suffix))
    path = path.with_name(f'{stem}-{digest[:8]}{suffix}')
    write_bytes(path, data)
    return Published(path, digest, info)


def _halved(value: Tensor) -> Tensor:
    """Round to float16 what has several axes and fits there."""
    halved = value.half()
    exact = value.dim() < 2 or not value.is_floating_point() or not bool(halved.isfinite().all())
    return value if exact else halved
