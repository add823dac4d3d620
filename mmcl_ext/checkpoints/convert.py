"""Checkpoints of other repositories to ours and back."""

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor, nn

from mmcl_ext.checkpoints.data_description import DATA_KEY, DataDescription
from mmcl_ext.checkpoints.families import CTRGCNFamily, Family, detect_family
from mmcl_ext.checkpoints.families.family import Config, Options, Settings
from mmcl_ext.checkpoints.state_comparison import check_fit
from mmcl_ext.checkpoints.strip import plain
from mmcl_ext.config.build_model import build_model
from mmcl_ext.fileio.checkpoint import read_checkpoint, write_checkpoint
from mmcl_ext.version import __version__


class ConvertedCheckpoint(NamedTuple):
    """A foreign checkpoint in our layout; ``train_only`` keeps the published names of a branch."""

    source: str
    model_cfg: Config
    state_dict: dict[str, Tensor]
    train_only: dict[str, Tensor]
    notes: tuple[str, ...] = ()


def import_state(
    state: Mapping[str, Tensor],
    model_cfg: Config | None = None,
    *,
    k: int | None = None,
    center: int | None = None,
) -> ConvertedCheckpoint:
    """Convert a foreign state dictionary and check that it fits ``model_cfg``, or what it shows.

    No checkpoint stores InfoGCN's order ``k`` and HD-GCN's centre of mass, counted from 1.
    """
    family = detect_family(state)
    train_only = {key: x for key, x in state.items() if key.startswith(family.train_only)}
    network = family.clean({key: state[key] for key in state if key not in train_only})
    try:
        settings = _settings(family, network, model_cfg, Options(k, center))
        model = build_model(settings.model_cfg)
        _check_backbone(family, model)
        check_fit(family.clean(family.to_theirs(model.state_dict())), network)
    except ValueError as error:
        raise ValueError(f'this looks like {family.name}, but {error}') from error
    converted = family.to_ours(network)
    model.load_state_dict(converted, strict=True)
    name = f'{family.name}, trained with {family.branch}' if train_only else family.name
    return ConvertedCheckpoint(name, settings.model_cfg, converted, train_only, settings.notes)


def _settings(
    family: Family, network: Mapping[str, Tensor], model_cfg: Config | None, options: Options
) -> Settings:
    given = {key: value for key, value in options._asdict().items() if value is not None}
    foreign = [f'{key}={value}' for key, value in given.items() if key not in family.options]
    if foreign:
        raise ValueError(f'that has no {", ".join(foreign)}')
    if model_cfg is None:
        return family.configure(network, options)
    if given:
        raise ValueError(f'{", ".join(given)} belongs into the given configuration, not beside it')
    return Settings(model_cfg)


def _check_backbone(family: Family, model: nn.Module) -> None:
    """Compare what no entry shows: the class of the backbone and its traits."""
    backbone: Any = model.backbone
    if family.backbone not in (kind.__name__ for kind in type(backbone).__mro__):
        raise ValueError(
            f'the configuration has {type(backbone).__name__} in place of {family.backbone}'
        )
    for name, value in family.traits.items():
        if getattr(backbone, name) != value:
            raise ValueError(f'{name} must be {value}, the configuration has {not value}')


def save_imported(
    imported: ConvertedCheckpoint, target: str | os.PathLike, original: str | os.PathLike
) -> None:
    """Write ``meta`` and ``state_dict``, all at once or not at all.

    Name and hash of the ``original`` file go into ``meta``, and what it shows of its data: the
    settings of the backbone and, from files of MMAction2, the names of the classes.
    """
    told = read_checkpoint(original)['meta'].get('dataset_meta')
    names = told.get('classes') if isinstance(told, Mapping) else None
    data = DataDescription(
        classes=tuple(map(str, names)) if isinstance(names, (list, tuple)) else None,
        num_classes=imported.model_cfg['cls_head'].get('num_classes'),
        backbone=plain(imported.model_cfg['backbone']),
    )
    meta = dict(
        mmcl_ext_version=__version__,
        source=imported.source,
        source_file=Path(original).name,
        source_sha256=hashlib.sha256(Path(original).read_bytes()).hexdigest(),
        model=imported.model_cfg,
        **{DATA_KEY: data.to_dict()},
    )
    write_checkpoint(dict(meta=meta, state_dict=imported.state_dict), target)


def export_ctrgcn(path: str | os.PathLike) -> dict[str, Tensor]:
    """Read a checkpoint with CTRGCN and GCNHead into the authors' layout, for ``strict=True``."""
    content = read_checkpoint(path)
    state = content['state_dict']
    network = {k: v for k, v in state.items() if k.startswith(('backbone.', 'cls_head.'))}
    if 'backbone.blocks.0.gcn.refine.weight' not in network:
        raise ValueError(f'{path} is no CTR-GCN of this package: {sorted(state)[:5]}')
    # A checkpoint of a training carries its configuration as text, an import as a dict.
    if re.search(r"relu_after_concat'?\s*[:=]\s*True", str(content['meta'])):
        raise ValueError(
            f"{path} was trained with relu_after_concat=True, which the authors' class lacks: "
            'it would give other results there'
        )
    return CTRGCNFamily().to_theirs(network)
