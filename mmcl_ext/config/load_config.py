import difflib
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from textwrap import shorten
from traceback import extract_tb
from typing import Any

from mmengine.config import Config
from yaml import YAMLError

from mmcl_ext.config.layout_files import settle_layouts
from mmcl_ext.config.user_errors import UserError
from mmcl_ext.config.variables import READ, followed, settle_overrides
from mmcl_ext.config.walk import walk_types
from mmcl_ext.fileio.name_file import DAMAGE, name_file

_MISTAKEN = (AttributeError, TypeError)  # of sections that are no dicts
_MAX_BYTES = 1 << 24
_LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


def load_config(filename: str | Path, options: Mapping[str, Any] | None = None) -> Config:
    """Read a configuration, merge options into it, make ``stream`` hold and describe layouts.

    A file that is no configuration, an option that is misspelt or changes nothing, or a ``stream``
    that no transform computes, is a UserError.
    """
    path = Path(filename)
    with name_file(path, _MISTAKEN):
        cfg = _read(path)
        settle_overrides(cfg, path)
        for option, value in (options or {}).items():
            _merge(cfg, option, value)
        apply_stream(cfg)
        settle_layouts(cfg)
        _settle_workers(cfg)
    return cfg


def require(cfg: Config, *names: str) -> None:
    """Refuse a configuration that lacks what a command reads of it."""
    for name in names:
        if cfg.get(name) is None:
            raise UserError(f'{cfg.filename} has no {name}: it is no configuration for this')


def _merge(cfg: Config, option: str, value: Any) -> None:
    _check_name(cfg, option)
    options = followed(cfg, option, value)
    try:
        cfg.merge_from_dict(options)
    except (LookupError, TypeError, ValueError, AttributeError, AssertionError) as error:
        problem = shorten(' '.join(str(error).split()), 150, placeholder=' ...')
        raise UserError(f'option {option!r} does not fit the configuration: {problem}') from None


def _settle_workers(cfg: Config) -> None:
    """Leave out what a loader without worker processes does not take."""
    for name in _LOADERS:
        loader = cfg.get(name)
        if loader and loader.get('num_workers') == 0:
            loader.pop('prefetch_factor', None)
            loader.update(persistent_workers=False)


def _read(path: Path) -> Config:
    if path.is_file() and path.stat().st_size > _MAX_BYTES:
        raise UserError(f'{path} is too large for a configuration: {path.stat().st_size} bytes')
    try:
        with name_file(path, () if path.suffix == '.py' else (*DAMAGE, YAMLError)):
            return Config.fromfile(path)
    except UserError:
        raise
    except Exception as error:  # the file is code, which may raise anything
        problem = _describe(path, error)
        if problem is None:
            raise
        raise problem from None


def _check_name(cfg: Config, option: str) -> None:
    """Refuse an option that would change nothing because its first name is misspelt."""
    known = {*cfg, *READ}
    name = option.partition('.')[0]
    near = [] if name in known else difflib.get_close_matches(name, known, 1, cutoff=0.75)
    if near:
        raise UserError(f'option {option!r}: the configuration has no {name!r}, but {near[0]!r}')


def _describe(path: Path, error: Exception) -> Exception | None:
    """Put what MMEngine raises into words; None where the error's own message is better."""
    if isinstance(error, ImportError):
        return _describe_import(path, error)
    if isinstance(error, SyntaxError):
        return UserError(f'{path} or a base of it has a syntax error: {error}')
    if isinstance(error, ValueError) and path.suffix != '.py':
        reason = str(error).removeprefix(f'{path}: ')
        return UserError(f'{path} is no configuration: {reason}')
    if isinstance(error, KeyError) and 'among bases' in str(error):
        names = ' and '.join(re.findall(r"'(\w+)'", str(error).partition('keys: ')[2]))
        return UserError(
            f'{path}: several of its bases set {names}, which MMEngine does not merge: inherit one '
            'of them, and write into the file what the others set'
        )
    if not isinstance(error, OSError):
        reason = ' '.join(str(error).split()) or 'nested too deep'
        return UserError(f'{_place(path, error)}: {type(error).__name__}: {reason}')
    if error.filename is None:
        return UserError(f'{path} is no configuration: {error}')
    if '.mim' in Path(error.filename).parts:
        return FileNotFoundError(
            f"{path}: bases such as 'mmcl_ext::...' are looked up in the installed package, which "
            f'lacks {error.filename}: run pip install -e . in the repository of mmcl_ext'
        )
    return None


def _place(path: Path, error: Exception) -> str:
    """Name the line of a configuration, or of its base, that raises an error."""
    lines = [frame for frame in extract_tb(error.__traceback__) if frame.name == '<module>']
    return f'{lines[-1].filename}, line {lines[-1].lineno}' if lines else f'{path} cannot be read'


def _describe_import(path: Path, error: ImportError) -> UserError:
    """Name the module that cannot be imported, and which of ``custom_imports`` needs it."""
    if error.__cause__ is None:
        return UserError(f'{path}: {error}')
    root: BaseException = error
    while below := root.__cause__ or (None if root.__suppress_context__ else root.__context__):
        root = below
    wanted = str(error.__cause__).removeprefix('Failed to import ')  # MMEngine's words
    missing = root.name if isinstance(root, ModuleNotFoundError) else None
    if missing and f'{wanted}.'.startswith(f'{missing}.'):
        package = missing.rpartition('.')[0]
        found = f'its package {package!r} is at {_location(package)}' if package else ''
        remedy = 'put the folder that holds it on PYTHONPATH, or install it'
        return UserError(
            f'{path}: custom_imports names {wanted!r}, but Python finds no {missing!r}: '
            f'{found or remedy}'
        )
    frame = next(f for f in extract_tb(root.__traceback__)[::-1] if 'importlib' not in f.filename)
    return UserError(
        f'{path}: custom_imports names {wanted!r}, whose import fails in {frame.filename}, '
        f'line {frame.lineno}: {root}'
    )


def _location(package: str) -> str:
    """Folder, or file, that a package or module was imported from."""
    module = sys.modules[package]
    return next(iter(getattr(module, '__path__', ())), None) or str(module.__file__)


def apply_stream(cfg: Config) -> None:
    """Hand the top-level variable ``stream`` to every ``SkeletonStream`` transform.

    A pipeline that was written with the variable keeps its old value when a
    child configuration or ``--cfg-options`` changes it.
    """
    if cfg.get('stream') is None:
        return
    loaders = [cfg.get(name) or {} for name in _LOADERS]
    streams = list(walk_types(loaders, 'SkeletonStream'))
    if not streams:
        raise UserError(f'stream is {cfg.stream!r} but no pipeline has a SkeletonStream transform')
    for transform in streams:
        transform['stream'] = cfg.stream
