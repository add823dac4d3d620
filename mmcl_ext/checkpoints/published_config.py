"""The test of a published checkpoint, which brings its model and its transforms along."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from mmengine.config import Config

from mmcl_ext.checkpoints.load import build_from_info, build_pipeline, published_info
from mmcl_ext.config.admitted_types import registered_only
from mmcl_ext.config.config_errors import setup_errors
from mmcl_ext.config.load_config import load_config
from mmcl_ext.config.user_errors import UserError
from mmcl_ext.datasets.store.name_table import is_pickle
from mmcl_ext.fileio.checkpoint import read_checkpoint
from mmcl_ext.fileio.name_file import name_file
from mmcl_ext.fileio.shipped_folder import shipped_folder
from mmcl_ext.fileio.zoo import find_in_zoo

_BASES = ('_base_/default_runtime.py', '_base_/datasets/loaders.py')


@contextmanager
def published_config(
    checkpoint: str | os.PathLike,
    ann_file: str | os.PathLike,
    split: str | None = None,
    options: Mapping[str, Any] | None = None,
) -> Iterator[Config]:
    """Yield a configuration to test a published checkpoint with.

    Until the block ends, nothing that a configuration names is imported: the model's comes with
    the file, see :mod:`mmcl_ext.checkpoints.described_types`.

    The data are a store or an annotation pickle; ``options`` are those of ``--cfg-options``. A
    UserError if it is no published file, or names types that a file may not name.
    """
    with setup_errors(), name_file(checkpoint):
        cfg = _test_of(checkpoint)
    dataset = cfg.test_dataloader.dataset
    dataset.update(ann_file=os.fspath(ann_file), split=split)
    if not is_pickle(ann_file):  # it carries its own, which is compared
        del dataset['layout']
    if options:
        cfg.merge_from_dict(dict(options))
    with registered_only():
        yield cfg


def _test_of(checkpoint: str | os.PathLike) -> Config:
    info = published_info(checkpoint, read_checkpoint(checkpoint))
    build_from_info(info)
    build_pipeline(info)
    cfg = Config()
    for base in _BASES:
        cfg.merge_from_dict(load_config(shipped_folder('configs') / base).to_dict())
    layout = {**info.skeleton, 'name': info.layout}
    cfg.test_dataloader.dataset.update(pipeline=list(info.pipeline), layout=layout)
    unused = dict.fromkeys(('train_dataloader', 'val_dataloader', 'val_evaluator', 'pack_inputs'))
    test = dict(default_scope=info.scope, model=info.model, test_cfg=dict(type='TestLoop'))
    return Config({**cfg.to_dict(), **unused, **test})


def is_published(model: str | os.PathLike, store: str | None) -> bool:
    """Tell whether a command tests a published file, which goes with ``--store`` alone."""
    published = find_in_zoo(model).endswith(('.pth', '.safetensors'))
    if published != (store is not None):
        given = f'{model} is a checkpoint: give the data as --store FILE --split NAME'
        raise UserError(given if published else f'--store goes with a checkpoint, not with {model}')
    return published
