"""What an ablation compares, read from its file."""

import fnmatch
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmcl_ext.config.load_config import load_config
from mmcl_ext.config.safe_config import is_data_only
from mmcl_ext.config.walk import map_texts
from mmcl_ext.evaluation.weight_search import PRESETS
from mmcl_ext.fileio.printable import counted

_FIELDS = ('title', 'config', 'options', 'prepare', 'reference')
_STEP_FIELDS = ('makes', 'command')
_FUSED_FIELDS = ('title', 'streams', 'weights', 'reference')


@dataclass(frozen=True)
class Step:
    """Something to make before a training, by a tool below ``tools`` and its arguments.

    Nothing is done where the file or folder that it ``makes`` is there already.
    """

    makes: str
    command: tuple[str, ...]


@dataclass(frozen=True)
class Variant:
    """One row of an ablation; its ``name`` is part of folder names.

    ``prepare`` has to be made before the training, in order; it is compared with the variant
    ``reference``, None for the first one.
    """

    name: str
    title: str
    config: Path
    options: Mapping[str, Any] = field(default_factory=dict)
    prepare: tuple[Step, ...] = ()
    reference: str | None = None


@dataclass(frozen=True)
class Fused:
    """A row of the table that fuses the scores of variants, its ``streams``, at equal seeds.

    Args:
        weights: One a stream, or the name of one of the ``PRESETS`` of the ensembles.
        reference: Name of the fused row that it is compared with; None for the first one.
    """

    name: str
    title: str
    streams: tuple[str, ...]
    weights: tuple[float, ...] | str
    reference: str | None = None


@dataclass(frozen=True)
class Ablation:
    """Trainings that are compared with one another; the first is the reference of the others."""

    name: str
    title: str
    variants: tuple[Variant, ...]
    fused: tuple[Fused, ...] = ()


def load_ablation(filename: str | Path) -> Ablation:
    """Read a declaration.

    It defines ``config``, the configuration of the training, and ``variants``, a dict from the name
    of a variant to ``title``, ``options`` (dotted keys as of ``--cfg-options``), ``config`` where
    it is another one, and ``prepare``. Paths of configurations are relative to the file.
    ``reference`` names the variant that the others are compared with, by default the first; a
    variant may name another. ``fused`` is a dict from the name of a system to its ``streams``,
    names of variants, and their ``weights``. Each ``{name}`` in a text is replaced by that entry of
    the dict ``fill``, so that data sets share a declaration. A FileNotFoundError if the file, or a
    configuration that it names, does not exist; a ValueError if it declares nothing that can be
    run.
    """
    path = Path(filename)
    if not path.is_file():
        raise FileNotFoundError(f'no ablation at {path}')
    declared = load_config(path)
    variants = declared.get('variants')
    if not isinstance(variants, dict) or not variants:
        raise ValueError(f'{path} declares no variants; is it a declaration of an ablation?')
    texts = declared.get('fill') or {}
    filled = map_texts(declared._cfg_dict.to_dict()['variants'], lambda text: _fill(text, texts))
    config = map_texts(declared.get('config'), lambda text: _fill(text, texts))
    built = tuple(_variant(path, name, fields, config) for name, fields in filled.items())
    _check_references(path, declared.get('reference'), built)
    reference = declared.get('reference', built[0].name)
    ordered = sorted(built, key=lambda variant: variant.name != reference)
    systems = map_texts(declared.get('fused') or {}, lambda text: _fill(text, texts))
    fused = tuple(_fused(path, name, fields, filled) for name, fields in systems.items())
    named = {system.reference for system in fused} - {None, *systems}
    if named or systems.keys() & filled.keys():
        wrong = (
            f'the reference {sorted(map(str, named))} is none of them'
            if named
            else 'it names a variant'
        )
        raise ValueError(f'{path}, fused: {wrong}')
    return Ablation(path.stem, str(declared.get('title', path.stem)), tuple(ordered), fused)


def select(ablation: Ablation, names: Sequence[str] | None) -> tuple[Variant, ...]:
    """Pick variants by name, or by a pattern such as ``'*_joint'``, in the declared order.

    The name of a fused system picks its streams. A ValueError for a name that is not declared, or
    a pattern that fits none.
    """
    streams = {system.name: list(system.streams) for system in ablation.fused}
    known = [variant.name for variant in ablation.variants]
    patterns = ['*'] if names is None else names
    found = {name: streams.get(name) or fnmatch.filter(known, name) for name in patterns}
    unknown = [name for name, fitting in found.items() if not fitting]
    if unknown:
        raise ValueError(f'{ablation.name} has no variant {unknown}, only {[*known, *streams]}')
    picked = {name for fitting in found.values() for name in fitting}
    return tuple(variant for variant in ablation.variants if variant.name in picked)


def _variant(path: Path, name: str, fields: Mapping[str, Any], config: str | None) -> Variant:
    where = f'{path}, variant {name!r}'
    _check_name(where, name)
    unknown = [key for key in fields if key not in _FIELDS]
    if unknown:
        raise ValueError(f'{where}: unknown {unknown}, known are {list(_FIELDS)}')
    named = fields.get('config', config)
    if not named:
        raise ValueError(f'{where}: no config, and the file names none for all')
    target = Path(os.path.normpath(path.parent / named))
    if not target.is_file():
        raise FileNotFoundError(f'{where}: there is no configuration at {target}')
    steps = tuple(_step(where, step) for step in fields.get('prepare', ()))
    if steps and is_data_only() and path.suffix != '.py':
        raise ValueError(f'{where}: prepare runs commands, which --safe-config does not')
    options = dict(fields.get('options') or {})
    title, reference = str(fields.get('title', name)), fields.get('reference')
    return Variant(name, title, target, options, steps, reference)


def _check_references(path: Path, reference: str | None, variants: Sequence[Variant]) -> None:
    known = {variant.name for variant in variants}
    wanted = [reference, *(variant.reference for variant in variants)]
    named = {name for name in wanted if name is not None}
    if not named <= known:
        raise ValueError(f'{path}: the reference {sorted(named - known)} is no variant')


def _fused(path: Path, name: str, fields: Mapping[str, Any], variants: Mapping[str, Any]) -> Fused:
    where = f'{path}, fused {name!r}'
    _check_name(where, name)
    unknown = [key for key in fields if key not in _FUSED_FIELDS]
    if unknown or 'streams' not in fields:
        raise ValueError(f'{where}: {unknown or "no streams"}; known are {list(_FUSED_FIELDS)}')
    streams = tuple(fields['streams'])
    absent = [stream for stream in streams if stream not in variants]
    if absent or not streams:
        raise ValueError(f'{where}: streams are names of variants, got {absent}')
    weights = fields.get('weights', (1,) * len(streams))
    if isinstance(weights, str):
        if weights not in PRESETS:
            raise ValueError(f'{where}: weights {weights!r}, known are {list(PRESETS)}')
        number = len(PRESETS[weights].weights)
    else:
        weights, number = tuple(weights), len(weights)
    if number != len(streams):
        raise ValueError(
            f'{where}: {counted(number, "weight")} for {counted(len(streams), "stream")}'
        )
    return Fused(name, str(fields.get('title', name)), streams, weights, fields.get('reference'))


def _check_name(where: str, name: str) -> None:
    if not re.fullmatch(r'[A-Za-z0-9][A-Za-z0-9_.-]*', name):
        raise ValueError(f'{where}: a name has letters, digits, dots, hyphens and underscores')


def _fill(text: str, texts: Mapping[str, str]) -> str:
    """Put texts in the place of their names in braces."""
    for name, value in texts.items():
        text = text.replace(f'{{{name}}}', value)
    return text


def _step(where: str, fields: Mapping[str, Any]) -> Step:
    if sorted(fields) != sorted(_STEP_FIELDS):
        raise ValueError(f'{where}: a step of prepare has {_STEP_FIELDS}, got {sorted(fields)}')
    return Step(str(fields['makes']), tuple(str(word) for word in fields['command']))
