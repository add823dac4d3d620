"""Repairs of known packaging faults of the OpenMMLab packages."""

import importlib.metadata
import importlib.util
import sys
import types


def install() -> None:
    """Put the repairs in place (interim version: import-time faults of MMAction2 only)."""
    if importlib.util.find_spec('importlib_metadata') is None:
        sys.modules.setdefault('importlib_metadata', importlib.metadata)
    name = 'mmaction.models.localizers.drn'
    package, leaf = types.ModuleType(name), types.ModuleType(f'{name}.drn')
    package.__path__ = []  # type: ignore[attr-defined]
    leaf.DRN = type('DRN', (), {})  # type: ignore[attr-defined]
    sys.modules.setdefault(name, package)
    sys.modules.setdefault(f'{name}.drn', leaf)
    vindlu = types.ModuleType('mmaction.models.multimodal.vindlu')
    sys.modules.setdefault('mmaction.models.multimodal.vindlu', vindlu)
