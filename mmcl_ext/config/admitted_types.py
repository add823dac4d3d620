"""Which registered types a file of somebody else may name; nothing is imported by name for it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any
from unittest import mock

from mmengine.registry import FUNCTIONS, Registry

from mmcl_ext import registry as registries
from mmcl_ext.registry import GRAPHS, MODELS, TRANSFORMS

SCOPES = ('mmcl_ext', 'mmaction', 'mmengine')
FRAMEWORKS = ('mmcl_ext', 'mmaction', 'mmengine', 'mmcv', 'mmdet', 'mmpose', 'mmpretrain', 'torch')
OF_MODELS = {
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
"""Modules, by registry, whose types make up a skeleton model and the pipeline of its test."""

OF_TRAININGS = (
    *(module for modules in OF_MODELS.values() for module in modules),
    'mmcl_ext',
    'mmaction.datasets.transforms.loading.UniformSample',  # ours has that name, too
    'mmaction.engine',
    'mmaction.evaluation.metrics.acc_metric',
    'mmaction.models.backbones.resnet',
    'mmaction.visualization',
    'mmengine.dataset',
    'mmengine.evaluator',
    'mmengine.hooks',
    'mmengine.model',
    'mmengine.optim',
    'mmengine.runner',
    'mmengine.visualization',
    'torch.nn.parallel',
    'torch.optim',
)
"""Modules whose types a training needs besides; those left out unpickle files or upload runs."""

_BACKENDS = ('LocalVisBackend', 'TensorboardVisBackend')  # the others send a run to a server
_guard = threading.RLock()

ALL_REGISTRIES = (
    *(found for found in vars(registries).values() if isinstance(found, Registry)),
    FUNCTIONS,
)


def chain(registry: Registry) -> list[Registry]:
    """Return a registry and those above it."""
    nodes = [registry]
    while nodes[-1].parent is not None:
        nodes.append(nodes[-1].parent)
    return nodes


def path_of(kind: Any) -> str:
    """Return the whole path of a class, as a configuration may name it."""
    return f'{kind.__module__}.{getattr(kind, "__qualname__", "")}'


def is_from(kind: Any, modules: tuple[str, ...]) -> bool:
    """Tell whether a type is one of those named, in one of the modules, or the user's own."""
    if kind.__module__.partition('.')[0] not in FRAMEWORKS:
        return True
    return any(f'{path_of(kind)}.'.startswith(f'{module}.') for module in modules)


def is_for_training(kind: Any) -> bool:
    """Tell whether a configuration that is data may name a registered type."""
    name = getattr(kind, '__name__', '')
    uploads = name.endswith('VisBackend') and name not in _BACKENDS
    return not uploads and is_from(kind, OF_TRAININGS)


@contextmanager
def registered_only() -> Iterator[None]:
    """Keep MMEngine from importing what an argument names, such as ``norm='package.function'``."""
    from mmengine.registry import registry as mmengine_registry

    with _guard, mock.patch.multiple(mmengine_registry, **_REPLACED):
        yield


def refuse_imports() -> None:
    """Do as :func:`registered_only` until the process ends."""
    from mmengine.registry import registry as mmengine_registry

    vars(mmengine_registry).update(_REPLACED)


def _find_nothing(name: str) -> None:
    """Stand for a module that is not there: MMEngine says that the name is not registered."""


def _import_framework(name: str) -> Any:
    if name.partition('.')[0] not in FRAMEWORKS:
        raise ImportError(f'{name[:200]} is not imported for a file of somebody else')
    return import_module(name)


_REPLACED: dict[str, Any] = dict(
    get_object_from_string=_find_nothing, import_module=_import_framework
)
