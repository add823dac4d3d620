"""Variables of a configuration file: their values are copied when the file is read."""

import ast
import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.runner import Runner

from mmcl_ext.config.user_errors import UserError

READ = frozenset(inspect.signature(Runner.__init__).parameters) | {
    'stream',
    'text_refinement',
    'text_file',
    'test_text_file',
    'allow_differences',
    'amp',
    'nonfinite_loss',
    'runner_type',
    'custom_imports',
    'model_wrapper_cfg',
    'find_unused_parameters',
    'sync_bn',
    'compile',
    'tta_model',
    'tta_pipeline',
}
"""Top-level names that something reads after the file has been read."""


def followed(cfg: Config, option: str, value: Any) -> dict[str, Any]:
    """Add to an option that sets a variable with a path the settings that hold the same path.

    ``text_file=PATH`` also reaches the transform and the module that the file has given
    ``text_file``. Where the value of another variable has been copied already, a UserError names
    the settings that hold it.
    """
    name, _, rest = option.partition('.')
    options = {option: value}
    if name == 'text_file' and cfg.get('test_text_file'):
        raise UserError(
            "option 'text_file' names texts of the training; the test reads test_text_file, "
            f'{cfg.test_text_file!r}'
        )
    if name not in cfg:
        return options
    if _is_path(cfg[name]) and not rest:
        return options | dict.fromkeys(_copies(cfg, name, cfg[name]), value)
    if name in READ:
        return options
    places = [f'{place}{"." * bool(rest)}{rest}' for place in _copies(cfg, name, cfg[name])]
    if places:
        raise UserError(
            f'option {option!r} would change nothing, for {name!r} was copied when the file was '
            f'read: set {", ".join(places[:4])}'
        )
    return options


def settle_overrides(cfg: Config, path: Path) -> None:
    """Let a path that a file sets in a variable of its base reach what holds the base's path.

    A UserError as of :func:`followed` if it sets another variable.
    """
    names = _assigned(path) - {'_base_'}
    for base in _bases(path) if names else ():
        for name in sorted(names & set(base)):
            if _is_path(base[name]) and _is_path(cfg.get(name)):
                places = _copies(cfg, name, base[name])
                cfg.merge_from_dict(dict.fromkeys(places, cfg[name]))
                continue
            if name in READ:
                continue
            if base[name] == cfg.get(name) or _copies(cfg, name, cfg.get(name)):
                continue
            places = _copies(cfg, name, base[name])
            if places:
                raise UserError(
                    f'{path}: {name} changes nothing, for the value of the base file was copied '
                    f'when that was read: set {", ".join(places[:4])}'
                )


def _is_path(value: Any) -> bool:
    return isinstance(value, str) and '/' in value


def _bases(path: Path) -> Iterator[Config]:
    for line in ast.parse(path.read_text()).body:
        if isinstance(line, ast.Assign) and '_base_' in _names(line):
            value = ast.literal_eval(line.value)
            for base in [value] if isinstance(value, str) else value:
                yield Config.fromfile(Config._get_cfg_path(base, str(path))[0])


def _copies(cfg: Config, name: str, value: Any) -> list[str]:
    """List the settings that hold the value of a variable; a number may be there by chance."""
    by_chance = value is None or isinstance(value, (bool, int, float))
    places = _places(cfg, value)
    return [place for place in places if not by_chance or place.rpartition('.')[2] == name]


def _places(cfg: Any, value: Any, place: str = '') -> Iterator[str]:
    """Yield the dotted names under which the runner's settings hold a value."""
    pairs = cfg.items() if isinstance(cfg, Mapping) or place == '' else enumerate(cfg)
    for key, found in pairs:
        if place == '' and key not in READ:
            continue
        name = f'{place}.{key}'.lstrip('.')
        if (type(found) is type(value) and found == value) or (
            isinstance(value, Mapping) and isinstance(found, Mapping) and _within(value, found)
        ):
            yield name
        if isinstance(found, (Mapping, list, tuple)):
            yield from _places(found, value, name)


def _within(part: Mapping[str, Any], whole: Mapping[str, Any]) -> bool:
    return bool(part) and all(key in whole and whole[key] == part[key] for key in part)


def _assigned(path: Path) -> set[str]:
    if path.suffix != '.py':
        return set()
    lines = ast.parse(path.read_text()).body
    return {n for line in lines if isinstance(line, ast.Assign) for n in _names(line)}


def _names(line: ast.Assign) -> set[str]:
    return {target.id for target in line.targets if isinstance(target, ast.Name)}
