"""The configurations that come with the package, by name."""

import difflib
import fnmatch
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmcl_ext.config.load_config import load_config
from mmcl_ext.config.user_errors import UserError
from mmcl_ext.fileio.shipped_folder import shipped_folder
from mmcl_ext.fileio.zoo import find_in_zoo

CONFIG_SUFFIXES = ('.py', '.json', '.yaml', '.yml')
_NO_MODELS = ('_base_', 'ablations', 'preparation')


def list_models(pattern: str = '*') -> list[str]:
    """Return the names of the shipped configurations of models that match, as ``'*hdgraph*'``."""
    root = shipped_folder('configs')
    paths = (path.relative_to(root).with_suffix('') for path in root.rglob('*.py'))
    names = sorted(path.as_posix() for path in paths if path.parts[0] not in _NO_MODELS)
    return fnmatch.filter(names, pattern)


def get_config(name: str | os.PathLike, options: Mapping[str, Any] | None = None) -> Config:
    """Load a configuration by its path or shipped name, with dotted options, or a ValueError."""
    return load_config(find_config(name), options)


def find_config(name: str | os.PathLike) -> Path:
    """Find a shipped configuration by its name; a path or ``zoo:NAME`` gives the file."""
    path = Path(find_in_zoo(name))
    if path.is_file() or path.suffix:
        return path
    found = shipped_folder('configs') / f'{path}.py'
    if not found.is_file():
        near = difflib.get_close_matches(str(path), list_models(), cutoff=0.4)
        told = f'; near: {", ".join(near)}' if near else ''
        raise UserError(f'there is no file or shipped configuration {str(path)!r}{told}')
    return found
