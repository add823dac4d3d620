"""Everything that is wrong with the types and arguments of a configuration, found at once."""

import difflib
import pickle
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.registry import FUNCTIONS, DefaultScope, Registry
from torch.utils.data import DataLoader

from mmcl_ext import registry as registries
from mmcl_ext.config.admitted_types import ALL_REGISTRIES
from mmcl_ext.config.signatures import Arguments, arguments_of
from mmcl_ext.config.user_errors import UserError
from mmcl_ext.config.variables import READ

_PARTS = ('model', 'backbone', 'neck', 'cls_head', 'data_preprocessor', 'loss_cls')
_MODEL_KINDS: dict[str, Registry] = {
    **dict.fromkeys(_PARTS, registries.MODELS),
    'graph_cfg': registries.GRAPHS,
    'init_cfg': registries.WEIGHT_INITIALIZERS,
}
"""The registry in which the ``type`` of a dict is looked up, by the dict's key within a model."""

_KINDS: dict[str, Registry] = {
    'model': registries.MODELS,
    **dict.fromkeys(('dataset', 'datasets'), registries.DATASETS),
    **dict.fromkeys(('pipeline', 'transforms'), registries.TRANSFORMS),
    **dict.fromkeys(('sampler', 'batch_sampler'), registries.DATA_SAMPLERS),
    **dict.fromkeys(('collate_fn', 'worker_init_fn'), FUNCTIONS),
    'optim_wrapper': registries.OPTIM_WRAPPERS,
    'optimizer': registries.OPTIMIZERS,
    'param_scheduler': registries.PARAM_SCHEDULERS,
    **dict.fromkeys(('train_cfg', 'val_cfg', 'test_cfg'), registries.LOOPS),
    **dict.fromkeys(('val_evaluator', 'test_evaluator', 'metrics'), registries.METRICS),
    **dict.fromkeys(('default_hooks', 'custom_hooks'), registries.HOOKS),
    'visualizer': registries.VISUALIZERS,
    'vis_backends': registries.VISBACKENDS,
    'log_processor': registries.LOG_PROCESSORS,
}
"""The same for the dict, or dicts, of a key elsewhere in a configuration."""

_LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
_SECTIONS = (*_LOADERS, *(name for name in _KINDS if name in READ))
"""What the runner builds of a configuration."""

_ADDED: dict[str, tuple[str, ...]] = {
    registries.OPTIMIZERS.name: ('params',),
    registries.OPTIM_WRAPPERS.name: ('optimizer', 'constructor', 'paramwise_cfg'),
    registries.PARAM_SCHEDULERS.name: ('optimizer', 'convert_to_iter_based'),
    registries.LOOPS.name: ('runner', 'dataloader', 'evaluator', 'by_epoch'),
    registries.DATA_SAMPLERS.name: ('dataset', 'seed', 'sampler', 'batch_size'),
    registries.MODEL_WRAPPERS.name: ('module', 'device_ids'),
    registries.HOOKS.name: ('priority',),
    registries.VISBACKENDS.name: ('save_dir',),
    registries.VISUALIZERS.name: ('name', 'save_dir'),
    registries.METRICS.name: ('metrics',),
}
"""Arguments that the runner adds or takes out, by the name of the registry."""

_LEAST: dict[str, int] = {
    'train_cfg.max_epochs': 1,
    'train_cfg.max_iters': 1,
    'train_cfg.val_interval': 1,
    'train_cfg.val_begin': 0,
    **{f'{stage}_dataloader.batch_size': 1 for stage in ('train', 'val', 'test')},
    **{f'{stage}_dataloader.num_workers': 0 for stage in ('train', 'val', 'test')},
    'randomness.seed': 0,
    'default_hooks.logger.interval': 1,
}
"""Whole numbers by their dotted names, with their smallest value; None leaves a default."""

_DAMAGED_ARCHIVE = ('PytorchStreamReader', 'the archive is damaged')  # torch's words, and ours
_UNKNOWN = re.compile(r'(\S+) is not in the [^ :]+::(.+?) registry')


def check_config(cfg: Config | Mapping[str, Any]) -> None:
    """Check every ``type`` and its arguments; a UserError has a line for each problem."""
    _refuse(find_problems(cfg))


def find_problems(cfg: Config | Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the types, arguments and numbers of a full configuration."""
    registries.DATASETS.import_from_location()  # its modules register functions, too
    yield from wrong_values(cfg)
    with DefaultScope.overwrite_default_scope(cfg.get('default_scope') or 'mmengine'):
        for name in _SECTIONS:
            section = cfg.get(name)
            if name in _LOADERS and isinstance(section, Mapping):
                yield from _check_loader(section, name)
            yield from _check(section, name, _KINDS.get(name), strict=True)


def wrong_values(cfg: Any) -> Iterator[str]:
    """Yield the settings that are no numbers, or too small, and a checkpoint that is missing."""
    for name, least in _LEAST.items():
        value = _find(cfg, name)
        whole = isinstance(value, int) and not isinstance(value, bool)
        if value is not None and not (whole and value >= least):
            yield f'{name} must be a whole number of at least {least}, got {value!r}'
    rate = _find(cfg, 'optim_wrapper.optimizer.lr')
    if rate is not None and not (isinstance(rate, (int, float)) and rate >= 0):
        yield f'optim_wrapper.optimizer.lr must be a number of at least 0, got {rate!r}'
    known = _accuracies(cfg)
    best = _find(cfg, 'default_hooks.checkpoint.save_best')
    for key in [best] if isinstance(best, str) else best or ():
        if known and key != 'auto' and key not in known:
            given = ', '.join(known)
            yield f'default_hooks.checkpoint.save_best is {key!r}; val_evaluator gives {given}'
    start = cfg.get('load_from')
    if isinstance(start, str) and ':' not in start and not Path(start).is_file():
        yield f'load_from: there is no checkpoint {start!r}'


def _accuracies(cfg: Any) -> list[str]:
    """Name what a validation by ``AccMetric`` alone will give; nothing where others validate."""
    found = cfg.get('val_evaluator') or {}
    evaluators = found if isinstance(found, (list, tuple)) else [found]
    names = []
    for evaluator in evaluators:
        chosen = evaluator.get('metric_list', ('top_k_accuracy', 'mean_class_accuracy'))
        chosen = (chosen,) if isinstance(chosen, str) else chosen
        if evaluator.get('type') != 'AccMetric' or not set(chosen) <= _ACCURACIES:
            return []
        topk = _find(evaluator, 'metric_options.top_k_accuracy.topk') or (1, 5)
        K = _find(cfg, 'model.cls_head.num_classes')
        ranks = [k for k in ([topk] if isinstance(topk, int) else topk) if k == 1 or not K or k < K]
        given = {'top_k_accuracy': [f'top{k}' for k in ranks], 'mean_class_accuracy': ['mean1']}
        prefix = evaluator.get('prefix') or 'acc'
        names += [f'{prefix}/{name}' for kind in chosen for name in given[kind]]
    return names


_ACCURACIES = {'top_k_accuracy', 'mean_class_accuracy'}


def _find(cfg: Any, name: str) -> Any:
    for key in name.split('.'):
        cfg = cfg.get(key) if isinstance(cfg, Mapping) or hasattr(cfg, 'to_dict') else None
    return cfg


def check_part(cfg: Mapping[str, Any], kind: Registry, scope: str = 'mmcl_ext') -> None:
    """Check a part of a configuration that a registry builds, such as a model."""
    with DefaultScope.overwrite_default_scope(scope):
        _refuse(_check(cfg, '', kind, strict=True))


def _refuse(problems: Iterator[str]) -> None:
    found = list(problems)
    if found:
        raise UserError('\n'.join(found))


def _check(node: Any, place: str, kind: Registry | None, strict: bool) -> Iterator[str]:
    """Check a dict or the dicts of a list, under their dotted name, and those they hold.

    ``kind`` is the registry of their types, None if they have no type. If ``strict``, types have to
    be in it, and arguments without a default be there.
    """
    if isinstance(node, (list, tuple)):
        for index, child in enumerate(node):
            yield from _check(child, f'{place}.{index}', kind, strict)
    elif isinstance(node, Mapping):
        kinds = _MODEL_KINDS if kind in _MODEL_KINDS.values() else _KINDS
        with registries.MODELS.switch_scope_and_registry(node.get('_scope_')):
            if kind is not None and 'type' in node:
                yield from _check_call(node, place, kind, strict)
            for key, value in node.items():
                known = key in kinds or (strict and place == 'default_hooks')
                below = f'{place}.{key}'.lstrip('.')
                yield from _check(value, below, kinds.get(key, kind), known)


def _check_call(node: Any, place: str, kind: Registry, strict: bool) -> Iterator[str]:
    target, found_in = _resolve(node['type'], kind)
    where = f' ({place})' if place else ''
    if target is None:
        if strict and isinstance(node['type'], str):
            yield _describe_type(node['type'], kind.name) + where
        return
    layer = place.endswith('_cfg') and place.rpartition('.')[2] not in _MODEL_KINDS
    if found_in is FUNCTIONS or layer:  # the function that builds it adds and takes out arguments
        return
    added = (*_ADDED.get(found_in.name, ()), 'type', '_scope_', '_delete_')
    arguments = arguments_of(target)
    name = getattr(target, '__name__', str(node['type']))
    for key in node:
        if key not in added and not _takes(arguments, key):
            yield f'{_describe_argument(name, key, arguments.names)}{where}'
    # an outer module adds arguments to those it holds, so only the outermost is known to lack one
    in_model = kind in _MODEL_KINDS.values()
    inner = in_model and place not in ('', 'model')
    if strict and not inner:
        for key in sorted(arguments.required - set(node) - set(added)):
            yield f'missing argument in the configuration: {name} needs {key!r}{where}'


def _takes(arguments: Arguments, key: Any) -> bool:
    """Tell whether an argument is taken; where any name is, a slip of underscores is not."""
    if key in arguments.names or not arguments.any_name:
        return key in arguments.names
    return str(key).replace('_', '') not in {name.replace('_', '') for name in arguments.names}


def _check_loader(loader: Mapping[str, Any], place: str) -> Iterator[str]:
    names = arguments_of(DataLoader).names | {'num_batch_per_epoch'}
    for key in loader:
        if key not in names and key != '_delete_' and key != '_scope_':
            yield f'{_describe_argument("DataLoader", key, names)} ({place})'


def _resolve(kind_name: Any, kind: Registry) -> tuple[Callable[..., Any] | None, Registry]:
    """Find a type in its registry, else in another one."""
    if not isinstance(kind_name, str):  # a class, as new-style configurations name it
        return (kind_name if callable(kind_name) else None), kind
    of_graphs = kind is registries.GRAPHS  # they have one scope alone
    with nullcontext(kind) if of_graphs else kind.switch_scope_and_registry(None) as registry:
        found = _get(registry, kind_name)
    if found is not None:
        return found, kind
    for other in ALL_REGISTRIES:
        found = _registered(other).get(kind_name.rpartition('.')[2])
        if found is not None:
            return found, other
    return None, kind


def _get(registry: Registry, name: str) -> Callable[..., Any] | None:
    try:
        return registry.get(name)
    except (ImportError, AttributeError, ValueError):  # of a package that is not there
        return None


def _describe_argument(owner: str, name: Any, known: Collection[str]) -> str:
    near = difflib.get_close_matches(str(name), sorted(known), n=3)
    hint = f'; near it: {", ".join(near)}' if near else ''
    return f'wrong argument in the configuration: {owner} takes no {name!r}{hint}'


def _describe_type(name: str, kind: str) -> str:
    registry = next((found for found in ALL_REGISTRIES if found.name == kind), FUNCTIONS)
    near = difflib.get_close_matches(name.rpartition('.')[2], sorted(_registered(registry)), n=3)
    hint = f'; near it: {", ".join(near)}' if near else ''
    return (
        f'no {kind} named {name!r} is registered{hint}. '
        'A class of your own needs its module in custom_imports, or in the option --import of '
        'commands that have it'
    )


def _registered(registry: Registry) -> dict[str, Callable[..., Any]]:
    """What a registry and its parents hold, by name."""
    registry.import_from_location()
    above = _registered(registry.parent) if registry.parent is not None else {}
    return {**above, **registry.module_dict}


@contextmanager
def setup_errors(while_: Callable[[], bool] = lambda: True) -> Iterator[None]:
    """Say in one line what goes wrong while a configuration is built and a checkpoint is read.

    ``while_`` tells whether that is still so. A UserError takes the place of a ValueError, of a
    type that is not registered, and of a file that cannot be read. What else goes wrong is a fault
    of the program.
    """
    try:
        yield
    except (ValueError, KeyError, RuntimeError, pickle.UnpicklingError) as error:
        problem = explain(error) if while_() else None
        if problem is None:
            raise
        raise UserError(problem) from None


def explain(error: Exception) -> str | None:
    """Put an error of building into words for the user, or give None for one of the program."""
    text = str(error)
    if isinstance(error, KeyError) and (found := _UNKNOWN.search(text.strip('"\''))):
        return _describe_type(*found.groups())
    if isinstance(error, pickle.UnpicklingError):
        return f'checkpoint {text}'
    if isinstance(error, RuntimeError) and text.startswith(_DAMAGED_ARCHIVE):
        reason = text.partition('.')[0]
        return f'the checkpoint that was to be loaded is damaged or cut short: {reason}'
    if isinstance(error, UserError):
        return text
    # a worker of a data loader puts its traceback before the message
    return text.strip().rpartition('\n')[2] if isinstance(error, ValueError) else None
