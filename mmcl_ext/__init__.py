"""Skeleton-based action recognition with multi-modality co-learning.

Importing this package is light: it reads the version and registers the import hooks of
:mod:`mmcl_ext.compat`, which have to be in place before MMAction2 is imported by anyone. Neither
torch nor any OpenMMLab package is imported before one of the public names is used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mmcl_ext import compat
from mmcl_ext.version import __version__

if TYPE_CHECKING:
    from mmcl_ext.apis import get_config, get_model, list_models, test_model, train_model
    from mmcl_ext.checkpoints.hub import from_hub, to_hub
    from mmcl_ext.datasets.store import SkeletonStore, write_store
    from mmcl_ext.inference import MMCLInferencer, SkeletonClip, StreamingInferencer

__all__ = [
    'MMCLInferencer',
    'SkeletonClip',
    'SkeletonStore',
    'StreamingInferencer',
    '__version__',
    'from_hub',
    'get_config',
    'get_model',
    'list_models',
    'test_model',
    'to_hub',
    'train_model',
    'write_store',
]

_ROOMS = {
    'mmcl_ext.apis': ('get_config', 'get_model', 'list_models', 'test_model', 'train_model'),
    'mmcl_ext.checkpoints.hub': ('from_hub', 'to_hub'),
    'mmcl_ext.datasets.store': ('SkeletonStore', 'write_store'),
    'mmcl_ext.inference': ('MMCLInferencer', 'SkeletonClip', 'StreamingInferencer'),
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}

compat.install()


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name not in _ROOM_OF:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    value = globals()[name] = getattr(import_module(_ROOM_OF[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
