"""Building from a description that came with weights: it is data and may name known types only."""

import math
from collections.abc import Mapping
from typing import Any

from mmengine.registry import DefaultScope, Registry
from torch.utils._python_dispatch import TorchDispatchMode

from mmcl_ext.config.admitted_types import (
    OF_MODELS,
    SCOPES,
    chain,
    is_from,
    path_of,
    registered_only,
)
from mmcl_ext.registry import GRAPHS, TRANSFORMS

_REFUSED = ('TransferRecognizer', 'MMDecode')  # they open files
_NOT_USED = ('init_cfg', 'pretrained')  # the weights come with the description
_OTHER_REGISTRIES = {'graph_cfg': GRAPHS, 'augment': TRANSFORMS}
_MAX_DEPTH = 32
_MAX_VALUES = 100_000
_MAX_TEXT = 100_000
_MAX_NUMBER = 1 << 20
_MAX_ELEMENTS = 1 << 26  # of all tensors of a model, 256 MiB; the largest shipped one has 5 million
_LEAST_ELEMENTS = 1 << 14  # what a tensor counts at least, for each takes time as well


def check_plain(description: Mapping[str, Any]) -> None:
    """Raise a ValueError for a description of anything but a moderate amount of plain values."""
    pending: list[tuple[Any, int]] = [(description, 0)]
    count = 0
    while pending:
        value, depth = pending.pop()
        count += 1
        if depth > _MAX_DEPTH or count > _MAX_VALUES:
            raise ValueError('model information is nested too deep or has too many values')
        if isinstance(value, Mapping):
            pending += [(item, depth + 1) for pair in value.items() for item in pair]
        elif isinstance(value, (list, tuple)):
            pending += [(item, depth + 1) for item in value]
        elif isinstance(value, str) and len(value) > _MAX_TEXT:
            raise ValueError(f'model information holds a text of {len(value)} characters')
        elif value is not None and not isinstance(value, (str, bool, int, float)):
            raise ValueError(f'model information holds a {type(value).__name__}')


def build_described(cfg: Mapping[str, Any], registry: Registry, scope: str) -> Any:
    """Build an object from a description that came with weights.

    Types are looked up in the tables of the registries and have to be admitted, see
    :func:`admitted_types`. Nothing is imported by name. A type that is not registered is a
    KeyError; one that is not admitted, too large numbers or tensors, or wrong arguments are a
    ValueError.
    """
    resolved = _resolve(cfg, registry, scope)
    with DefaultScope.overwrite_default_scope(scope), registered_only(), _Budget():
        try:
            return registry.build(resolved)
        except Exception as error:  # arguments of strangers may raise anything
            reason = str(error).strip().partition('\n')[0]
            raise ValueError(
                f'{cfg.get("type")} describes no model of this release: {reason[:300]}'
            ) from error


def admitted_types(registry: Registry) -> dict[str, list[type]]:
    """Return the types that a description may name, by scope from the innermost outwards.

    These are what a skeleton model and the pipeline of its test are made of. None of their
    constructors opens files or runs commands. Classes that a user's own module has registered
    are among them: the user has asked for that module.
    """
    registry.import_from_location()
    return {
        str(node.scope): [kind for kind in node.module_dict.values() if _is_admitted(kind, node)]
        for node in chain(registry)
    }


def _is_admitted(kind: Any, registry: Registry) -> bool:
    if not isinstance(kind, type) or kind.__name__ in _REFUSED:
        return False
    return is_from(kind, OF_MODELS[registry.name])


def _resolve(node: Any, registry: Registry, scope: str) -> Any:
    """Copy a configuration with the classes in place of their names."""
    if isinstance(node, (list, tuple)):
        return type(node)(_resolve(item, registry, scope) for item in node)
    if isinstance(node, int) and abs(node) > _MAX_NUMBER:
        raise ValueError(f'the description of the model holds the number {node}')
    if not isinstance(node, Mapping):
        return node
    scope = node.get('_scope_') or scope
    if scope not in SCOPES:
        raise ValueError(f'the description of the model names the scope {scope!r:.80}')
    resolved = {
        key: _resolve(value, _OTHER_REGISTRIES.get(key, registry), scope)
        for key, value in node.items()
        if key not in ('type', '_scope_', *_NOT_USED)
    }
    if 'type' in node:
        resolved['type'] = _find(node['type'], registry, scope)
    return resolved


def _find(name: Any, registry: Registry, scope: str) -> type:
    """Look a type up by its name in the tables, with or without scope, or by its whole path."""
    registry.import_from_location()
    prefix, _, bare = str(name).rpartition('.')
    nodes = chain(registry)
    scopes = [node.scope for node in nodes]
    start = prefix or scope
    for node in nodes[scopes.index(start) if start in scopes else 0 :]:
        found = node.module_dict.get(bare) if not prefix or prefix in scopes else None
        path = [kind for kind in node.module_dict.values() if path_of(kind) == name]
        for kind in (found, *path):
            if kind is None:
                continue
            if not _is_admitted(kind, node):
                raise ValueError(
                    f'a model file may not name {name}: that type can be built from your own '
                    'configuration only'
                )
            return kind
    raise KeyError(f'{str(name)[:200]} is not in the registry of the {registry.name}s')


class _Budget(TorchDispatchMode):
    """Refuses a tensor, before it is made, when all of them take too much memory or time."""

    def __init__(self) -> None:
        super().__init__()
        self.left = _MAX_ELEMENTS

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        size = args[0] if args else None
        if isinstance(size, int):  # of a range, or of a square matrix
            size = (size, size)
        if isinstance(size, (list, tuple)) and all(type(item) is int for item in size):
            self.left -= max(math.prod(size), _LEAST_ELEMENTS)
            if self.left < 0:
                raise ValueError(f'its tensors have more than {_MAX_ELEMENTS} elements in all')
        return func(*args, **(kwargs or {}))
