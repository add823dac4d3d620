"""Configurations of others as data: JSON and YAML that name registered types, no Python."""

import argparse
import importlib.util
import os
from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.config import config as mmengine_config
from mmengine.registry import Registry

from mmcl_ext.config.admitted_types import (
    ALL_REGISTRIES,
    SCOPES,
    chain,
    is_for_training,
    path_of,
    refuse_imports,
)
from mmcl_ext.config.user_errors import UserError
from mmcl_ext.config.walk import walk
from mmcl_ext.fileio.printable import bounded_repr
from mmcl_ext.fileio.shipped_folder import shipped_folder

VARIABLE = 'MMCL_EXT_SAFE_CONFIG'
"""Environment variable that switches the same on; processes that are started inherit it."""

_PACKAGES = ('mmaction', 'mmdet', 'mmpose')
_written = set[str]()


def add_safe_config(parser: argparse.ArgumentParser) -> None:
    """Add ``--safe-config``."""
    parser.add_argument(
        '--safe-config',
        action=_SwitchOn,
        nargs=0,
        help='take configurations as data: JSON, YAML or shipped ones, which run no code',
    )
    if os.environ.get(VARIABLE, '0') not in ('', '0'):
        admit_data_only()


class _SwitchOn(argparse.Action):
    def __call__(self, *_: Any, **__: Any) -> None:
        os.environ[VARIABLE] = '1'
        admit_data_only()


def is_data_only() -> bool:
    """Tell whether configurations are taken as data alone."""
    return hasattr(Config.fromfile, '__wrapped__')


def admit_data_only() -> None:
    """Refuse, until the process ends, configurations that run code or name what does.

    A Python file is taken only where it came with this package or one of OpenMMLab. JSON and
    YAML may name registered types of a training; nothing is imported by name. Types that
    unpickle files or send a run to a server are refused.
    """
    if is_data_only():
        return
    refuse_imports()
    Config._file2dict = staticmethod(_checked(Config._file2dict))
    Config._parse_lazy_import = staticmethod(_checked(Config._parse_lazy_import))
    vars(mmengine_config).update(import_modules_from_strings=_import_own)
    read = Config.fromfile

    @wraps(read)
    def fromfile(filename: str | Path, *args: Any, **kwargs: Any) -> Config:
        cfg = read(filename, *args, **kwargs)
        if Path(filename).suffix != '.py':
            problems = list(_problems(cfg))
            if problems:
                raise UserError(f'{filename}: {problems[0]} (--safe-config)')
        return cfg

    Config.fromfile = staticmethod(fromfile)


def trust(path: str | os.PathLike) -> None:
    """Take a Python file that this process has written itself."""
    _written.add(os.path.realpath(path))


def _checked(read: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(read)
    def checked(filename: str, *args: Any, **kwargs: Any) -> Any:
        path = os.path.realpath(os.path.expanduser(filename))
        inside = (os.path.commonpath([path, place]) == place for place in _trusted())
        if path.endswith('.py') and not any(inside):
            raise UserError(
                f'{filename} is Python, which --safe-config does not run: take JSON or YAML'
            )
        return read(filename, *args, **kwargs)

    return checked


def _trusted() -> Iterator[str]:
    yield from _written
    yield os.path.realpath(shipped_folder('configs'))
    for name in _PACKAGES:
        spec = importlib.util.find_spec(name)
        yield from map(os.path.realpath, (spec and spec.submodule_search_locations) or ())


def _import_own(imports: str | Sequence[str], **_: Any) -> None:
    for name in [imports] if isinstance(imports, str) else imports:
        if not str(name).startswith('mmcl_ext.') or '__' in name:
            raise UserError(
                f'custom_imports names {bounded_repr(name)}: --safe-config imports modules of '
                'mmcl_ext alone'
            )
        importlib.import_module(name)


def _problems(cfg: Config) -> Iterator[str]:
    """Yield what a configuration names that is not registered, or not for a training."""
    for node in walk(cfg._cfg_dict):
        if node.get('_scope_') not in (None, *SCOPES):
            yield f'the scope {bounded_repr(node["_scope_"])} is not one of {SCOPES}'
        name = node.get('type')
        if isinstance(name, str) and (problem := _problem(name)) is not None:
            yield f'the type {bounded_repr(name)} {problem}'


def _problem(name: str) -> str | None:
    """Say what is wrong with a name; every class that goes by it in some registry is admitted."""
    prefix, _, bare = name.rpartition('.')
    found = [
        kind
        for registry in ALL_REGISTRIES
        for kind in _registered(registry, bare)
        if prefix in ('', *SCOPES) or path_of(kind) == name
    ]
    if not found:
        return 'is not registered'
    return None if all(map(is_for_training, found)) else 'is not admitted in data'


def _registered(registry: Registry, name: str) -> Iterator[Any]:
    for node in chain(registry):
        node.import_from_location()
        if name in node.module_dict:
            yield node.module_dict[name]
