"""Skeleton layouts that a configuration names by a file, or takes from its store."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmcl_ext.config.user_errors import UserError
from mmcl_ext.config.walk import walk, walk_types
from mmcl_ext.fileio.read_json import read_json
from mmcl_ext.fileio.tensor_container import TensorContainer

LAYOUT_OF_STORE = 'store'
"""In place of the name of a graph's layout: the one that the annotation store carries."""

_LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
_GRAPHS = ('SkeletonGraph', 'HDGraph')


def settle_layouts(cfg: Config) -> None:
    """Put descriptions in place of layouts that are named by a file or by ``'store'``.

    What is trained, dumped and published then holds the layout, and needs the file no more.
    Relative paths start at the current folder, as those of annotation files do. A UserError if a
    file describes no layout, or the store carries none.
    """
    parts = [cfg.get(name) for name in ('model', *_LOADERS)]
    try:
        for node in walk(parts):
            for key in ('layout', 'target'):
                if isinstance(node.get(key), str) and node[key].endswith('.json'):
                    node[key] = read_layout(node[key])
        for graph in walk_types(parts, *_GRAPHS):
            if graph.get('layout') == LAYOUT_OF_STORE:
                graph['layout'] = _stored_layout(cfg)
    except ValueError as error:
        raise UserError(str(error)) from None


def read_layout(path: str | os.PathLike) -> dict[str, Any]:
    """Read the description of a layout, see :class:`mmcl_ext.graphs.layout.Layout`.

    A ValueError if it is no JSON object with a ``name``.
    """
    name = os.fspath(path)
    if not Path(name).is_file():
        raise FileNotFoundError(f'there is no layout file {name!r}, looked for in {os.getcwd()}')
    description = read_json(name, dict)
    if not isinstance(description.get('name'), str):
        raise ValueError(f"{name}: a layout is an object with a 'name', joint_names, edges, center")
    return description


def _stored_layout(cfg: Config) -> str | dict[str, Any]:
    loaders = [cfg.get(name) or {} for name in _LOADERS]
    files = [
        Path(node.get('data_root') or '', str(node['ann_file']))
        for node in walk(loaders)
        if isinstance(node, Mapping) and node.get('ann_file')
    ]
    if not files or files[0].suffix != '.safetensors':
        given = files[0] if files else 'no annotation file'
        raise UserError(f"layout='{LAYOUT_OF_STORE}' needs a store (.safetensors), got {given}")
    if not files[0].is_file():
        raise FileNotFoundError(
            f"layout='{LAYOUT_OF_STORE}': annotation file {files[0]} does not exist; a published "
            'checkpoint holds the layout and needs no store'
        )
    metadata = TensorContainer(files[0])._header.metadata
    if 'layout' not in metadata:
        raise UserError(f'{files[0]} is no annotation store: it carries no layout')
    described = metadata.get('layout_description')
    return json.loads(described) if described else metadata['layout']
