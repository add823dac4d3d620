"""Building from a description that came with weights: it is data and may name known types only."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any
from unittest import mock

from mmengine.registry import DefaultScope, Registry

from mmcl_ext.registry import GRAPHS, MODELS, TRANSFORMS

_SCOPES = ('mmcl_ext', 'mmaction', 'mmengine')
_FRAMEWORKS = ('mmcl_ext', 'mmaction', 'mmengine', 'mmcv', 'mmdet', 'mmpose', 'mmpretrain', 'torch')
_ADMITTED_MODULES = {
    GRAPHS.name: ('mmcl_ext.graphs',),
    MODELS.name: (
        'mmcl_ext.models',
        'mmaction.models.backbones.aagcn',
        'mmaction.models.backbones.resnet3d',
        'mmaction.models.backbones.resnet3d_slowonly',
        'mmaction.models.backbones.stgcn',
        'mmaction.models.data_preprocessors.data_preprocessor',
        'mmaction.models.heads.gcn_head',
        'mmaction.models.heads.i3d_head',
        'mmaction.models.losses',
        'mmaction.models.recognizers.recognizer3d',
        'mmaction.models.recognizers.recognizer_gcn',
        'mmcv.cnn.bricks',
        'mmengine.utils.dl_utils.parrots_wrapper',
        'torch.nn.modules',
    ),
    TRANSFORMS.name: (
        'mmcl_ext.datasets.transforms',
        'mmaction.datasets.transforms.formatting',
        'mmaction.datasets.transforms.pose_transforms',
        'mmaction.datasets.transforms.processing',
    ),
}
_REFUSED = ('TransferRecognizer', 'MMDecode')  # they open files
_NOT_USED = ('init_cfg', 'pretrained')  # the weights come with the description
_MAX_DEPTH = 32
_MAX_VALUES = 100_000
_MAX_TEXT = 100_000
_MAX_NUMBER = 1 << 20
_guard = threading.RLock()


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
    KeyError; one that is not admitted, a number too large or wrong arguments are a ValueError.
    """
    resolved = _resolve(cfg, registry, scope)
    with DefaultScope.overwrite_default_scope(scope), registered_only():
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
        for node in _chain(registry)
    }


def _chain(registry: Registry) -> list[Registry]:
    nodes = [registry]
    while nodes[-1].parent is not None:
        nodes.append(nodes[-1].parent)
    return nodes


def _is_admitted(kind: Any, registry: Registry) -> bool:
    if not isinstance(kind, type) or kind.__name__ in _REFUSED:
        return False
    if kind.__module__.partition('.')[0] not in _FRAMEWORKS:
        return True
    modules = _ADMITTED_MODULES[registry.name]
    return any(f'{kind.__module__}.'.startswith(f'{module}.') for module in modules)


def _resolve(node: Any, registry: Registry, scope: str) -> Any:
    """Copy a configuration with the classes in place of their names."""
    if isinstance(node, (list, tuple)):
        return type(node)(_resolve(item, registry, scope) for item in node)
    if isinstance(node, int) and abs(node) > _MAX_NUMBER:
        raise ValueError(f'the description of the model holds the number {node}')
    if not isinstance(node, Mapping):
        return node
    scope = node.get('_scope_') or scope
    if scope not in _SCOPES:
        raise ValueError(f'the description of the model names the scope {scope!r:.80}')
    resolved = {
        key: _resolve(value, GRAPHS if key == 'graph_cfg' else registry, scope)
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
    nodes = _chain(registry)
    scopes = [node.scope for node in nodes]
    start = prefix or scope
    for node in nodes[scopes.index(start) if start in scopes else 0 :]:
        found = node.module_dict.get(bare) if not prefix or prefix in scopes else None
        path = [kind for kind in node.module_dict.values() if _path(kind) == name]
        for kind in (found, *path):
            if kind is not None:
                return _checked(kind, node, name)
    raise KeyError(f'{str(name)[:200]} is not in the registry of the {registry.name}s')


def _path(kind: Any) -> str:
    return f'{kind.__module__}.{getattr(kind, "__qualname__", "")}'


def _checked(kind: Any, registry: Registry, name: str) -> type:
    if not _is_admitted(kind, registry):
        raise ValueError(
            f'a model file may not name {name}: that type can be built from your own '
            'configuration only'
        )
    return kind


@contextmanager
def registered_only() -> Iterator[None]:
    """Keep MMEngine from importing what an argument names, such as ``norm='package.function'``."""
    from mmengine.registry import registry as mmengine_registry

    replaced: dict[str, Any] = dict(
        get_object_from_string=_find_nothing, import_module=_import_framework
    )
    with _guard, mock.patch.multiple(mmengine_registry, **replaced):
        yield


def _find_nothing(name: str) -> None:
    """Stand for a module that is not there: MMEngine says that the name is not registered."""


def _import_framework(name: str) -> Any:
    if name.partition('.')[0] not in _FRAMEWORKS:
        raise ImportError(f'{name[:200]} is not imported for a model file')
    return import_module(name)
