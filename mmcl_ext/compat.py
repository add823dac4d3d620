"""Repairs of known faults of the OpenMMLab packages.

:func:`install` registers two import finders and returns at once; a repair runs when the
faulty module is imported, or right away when it already is. Installed files stay as they
are, and a repair leaves its module alone when the fault is absent:

- mmaction2's wheel lacks ``mmaction.models.localizers.drn``
  (https://github.com/open-mmlab/mmaction2/issues/2714): a placeholder takes its place.
- mmaction2 imports ``importlib_metadata`` without declaring it (``mmaction/utils/dependency.py``):
  the standard library's module answers.
- mmaction2 imports VindLU beside any transformers >= 4.28, though VindLU also needs timm,
  torchvision and names that transformers dropped (``mmaction/models/multimodal``): mmaction2
  then registers its own placeholders instead.
- mmaction2 uses names that numpy 2 removed (https://numpy.org/doc/stable/numpy_2_0_migration_guide.html):
  its modules see a stand-in for numpy, numpy itself stays untouched.
- MMEngine's checkpoint loader unpickles anything, or, in 0.10.7, refuses full checkpoints on
  torch >= 2.6 (https://github.com/open-mmlab/mmengine/issues/1655): every checkpoint goes through
  torch's weights-only unpickler with an allow-list that full MMEngine checkpoints fit in.
- MMEngine's YAML reader builds any object that a tag names, and runs what that takes: it reads
  plain values.
- MMEngine takes an interrupt while it writes a configuration down for an error of its syntax.
- MMEngine resolves ``package::config`` for packages of its own list only, and 0.10.7 looks for
  editable installs in ``site-packages``.
- mmcv-lite warns at each import that it lacks a class that nobody has asked for: the class stays
  absent, the warning is not shown.

Nothing but the standard library is imported here.
"""

import contextlib
import functools
import importlib.util
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from importlib.machinery import ModuleSpec
from types import FunctionType, ModuleType
from typing import Any

__all__ = ['install']

_REPAIRS: dict[str, Callable[[ModuleType], None]] = {}
"""What to do to a module, by its name, once it has been executed."""

_SUBSTITUTES: dict[str, Callable[[ModuleType], None]] = {}
"""What to put into a module that nothing else provides, by its name."""

_NOISE: dict[str, str] = {
    'mmcv.cnn.bricks.transformer': 'Fail to import ``MultiScaleDeformableAttention``'
}
"""Beginning of a UserWarning not to show while a module is executed, by the module's name."""


def install() -> None:
    """Put the repairs in place; calling it again changes nothing."""
    others = [finder for finder in sys.meta_path if type(finder).__module__ != __name__]
    sys.meta_path[:] = [_RepairFinder(), *others, _SubstituteFinder()]
    for name, repair in _REPAIRS.items():
        if name in sys.modules:
            repair(sys.modules[name])


class _RepairFinder:
    """Asks the other finders for a module and has its execution repaired."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in _REPAIRS and name not in _NOISE:
            return None
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(name, path, target)
            if spec is not None:
                if spec.loader is not None:
                    spec.loader = _RepairingLoader(spec.loader)  # type: ignore[assignment]
                return spec
        return None


class _RepairingLoader:
    """Stands for another loader until the module has been executed."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        with _without_noise(module.__name__):
            self._loader.exec_module(module)
        if module.__name__ in _REPAIRS:
            _REPAIRS[module.__name__](module)


@contextlib.contextmanager
def _without_noise(name: str) -> Iterator[None]:
    """Put a filter for the one warning of a module in front of the others, and take it away."""
    if name not in _NOISE:
        yield
        return
    with warnings.catch_warnings():
        warnings.filterwarnings('ignore', _NOISE[name], UserWarning)
        yield


class _SubstituteFinder:
    """Stands last, so that it is asked only for modules that nobody else has."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in _SUBSTITUTES:
            return None
        return ModuleSpec(name, self, is_package=True)  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        _SUBSTITUTES[module.__name__](module)


class _StandIn(ModuleType):
    """A module as one other module sees it: some names replaced, the rest passed on."""

    _real: ModuleType

    def __init__(self, real: ModuleType, **replaced: Any) -> None:
        super().__init__(real.__name__)
        vars(self).update(replaced, _real=real)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


_Registered = Callable[[ModuleType], None]


def _on(table: dict[str, _Registered], *names: str) -> Callable[[_Registered], _Registered]:
    def register(function: _Registered) -> _Registered:
        for name in names:
            table[name] = _in_turn(table[name], function) if name in table else function
        return function

    return register


def _in_turn(*repairs: _Registered) -> _Registered:
    def repair(module: ModuleType) -> None:
        for each in repairs:
            each(module)

    return repair


# Faults of mmaction2


@_on(_SUBSTITUTES, 'importlib_metadata')
def _fill_importlib_metadata(module: ModuleType) -> None:
    from importlib import metadata

    names = {name: value for name, value in vars(metadata).items() if not name.startswith('__')}
    vars(module).update(names)


@_on(_SUBSTITUTES, 'mmaction.models.localizers.drn')
def _fill_drn_package(module: ModuleType) -> None:
    """Leave the package empty: its submodule holds the class."""


@_on(_SUBSTITUTES, 'mmaction.models.localizers.drn.drn')
def _fill_drn(module: ModuleType) -> None:
    from mmaction.registry import MODELS

    class DRN:
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            raise ImportError(
                "mmaction2's wheel lacks DRN (its issue 2714): install mmaction2 from source"
            )

    MODELS.register_module(module=DRN)
    vars(module).update(DRN=DRN)


@_on(_REPAIRS, 'mmaction.utils.dependency')
def _skip_vindlu(module: ModuleType) -> None:
    vars(module).update(WITH_MULTIMODAL=module.WITH_MULTIMODAL and _vindlu_can_be_imported())


def _vindlu_can_be_imported() -> bool:
    """Look for what VindLU imports without importing it, which takes seconds."""
    specs = [importlib.util.find_spec(name) for name in ('timm', 'torchvision', 'transformers')]
    transformers = specs[-1]
    if None in specs or transformers is None or transformers.origin is None:
        return False
    path = os.path.join(os.path.dirname(transformers.origin), 'modeling_utils.py')
    with open(path, encoding='utf-8') as source:
        return 'apply_chunking_to_forward' in source.read()


@_on(
    _REPAIRS,
    'mmaction.datasets.transforms.pose_transforms',
    'mmaction.evaluation.functional.accuracy',
    'mmaction.evaluation.metrics.multimodal_metric',
    'mmaction.utils.misc',
)
def _restore_numpy_names(module: ModuleType) -> None:
    removed = {
        'Inf': lambda np: np.inf,
        'in1d': lambda np: lambda ar1, ar2, **options: np.isin(np.ravel(ar1), ar2, **options),
        'trapz': lambda np: np.trapezoid,
    }
    numpy = module.np
    missing = {name: make(numpy) for name, make in removed.items() if not hasattr(numpy, name)}
    if missing:
        vars(module).update(np=_StandIn(numpy, **missing))


# Faults of MMEngine


@_on(_REPAIRS, 'mmengine.config.utils')
def _name_config_package(module: ModuleType) -> None:
    module.MODULE2PACKAGE.setdefault('mmcl_ext', 'mmcl_ext')


@_on(_REPAIRS, 'mmengine.config.config', 'mmengine.hub.hub')
def _locate_editable_installs(module: ModuleType) -> None:
    """Find a package by its import spec where MMEngine < 0.11 names a folder that is not there."""
    from mmengine.version import version_info

    locate = module.get_installed_path
    if version_info[:2] >= (0, 11) or hasattr(locate, '__wrapped__'):
        return

    @functools.wraps(locate)
    def get_installed_path(package: str) -> str:
        path = locate(package)
        spec = None if os.path.isdir(path) else importlib.util.find_spec(package)
        return os.path.dirname(spec.origin) if spec is not None and spec.origin else path

    vars(module).update(get_installed_path=get_installed_path)


@_on(_REPAIRS, 'mmengine.fileio.handlers.yaml_handler')
def _read_plain_yaml(module: ModuleType) -> None:
    from mmcl_ext.fileio.yaml_data import data_loader

    vars(module).update(Loader=data_loader)


@_on(_REPAIRS, 'mmengine.config.config')
def _let_interrupts_through(module: ModuleType) -> None:
    write = module.Config.pretty_text.fget
    if hasattr(write, '__wrapped__'):
        return

    @functools.wraps(write)
    def pretty_text(self: Any) -> str:
        try:
            return write(self)
        except SyntaxError as error:
            if isinstance(error.__context__, Exception):
                raise
            raise (error.__context__ or error) from None

    module.Config.pretty_text = property(pretty_text)


@_on(_REPAIRS, 'mmengine.runner.checkpoint')
def _restrict_checkpoints(module: ModuleType) -> None:
    """Replace ``torch.load`` and ``load_url`` in MMEngine's loader, hence in all its schemes."""
    from mmcl_ext.fileio.restricted_load import load_restricted

    torch = module.torch
    if not isinstance(torch, _StandIn):
        stand_in = _StandIn(torch, load=functools.partial(load_restricted, torch.load))
        load_url = functools.partial(
            _with_globals(module.load_url, torch=stand_in), weights_only=True
        )
        vars(module).update(torch=stand_in, load_url=load_url)


def _with_globals(function: Any, **replaced: Any) -> FunctionType:
    """Return a copy of a function that sees other things under some names of its module."""
    names = {**function.__globals__, **replaced}
    copy = FunctionType(function.__code__, names, argdefs=function.__defaults__)
    copy.__kwdefaults__ = function.__kwdefaults__
    return copy
