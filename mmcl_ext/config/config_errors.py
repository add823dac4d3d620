"""Turn what MMEngine raises for wrong configurations and checkpoints into one line."""

import difflib
import pickle
import re
from collections.abc import Callable
from typing import TypeVar

from mmengine.registry import Registry

import mmcl_ext.registry

_UNKNOWN = re.compile(r'(\S+) is not in the [^ :]+::(.+?) registry')
_T = TypeVar('_T')


def run_explained(work: Callable[[], _T]) -> _T:
    """Do work that builds from a configuration and loads a checkpoint; say which is wrong.

    Args:
        work: Function without arguments.

    Raises:
        ValueError: A type that no registry has, an argument that a class does not take, or a
            checkpoint that cannot be read.
    """
    try:
        return work()
    except Exception as error:
        problem = explain(error)
        if problem is None:
            raise
    raise ValueError(problem)  # out here it has no context: what the user reads is all there is


def explain(error: Exception) -> str | None:
    """Put an error into words for the user, or give None for one of the program."""
    text = str(error)
    if isinstance(error, KeyError) and (found := _UNKNOWN.search(text.strip('"\''))):
        return _describe_type(*found.groups())
    if isinstance(error, TypeError) and _is_of_the_call(error):
        return f'wrong argument in the configuration: {text}'
    if isinstance(error, pickle.UnpicklingError):
        return f'checkpoint {text}'
    if isinstance(error, RuntimeError) and text.startswith('PytorchStreamReader'):
        reason = text.partition('.')[0]
        return f'the checkpoint that was to be loaded is damaged or cut short: {reason}'
    return None


def _describe_type(name: str, kind: str) -> str:
    near = difflib.get_close_matches(name.rpartition('.')[2], _registered(kind), n=3)
    hint = f'; near it: {", ".join(near)}' if near else ''
    return (
        f'no {kind} named {name!r} is registered{hint}. '
        'A class of your own needs its module in custom_imports'
    )


def _registered(kind: str) -> set[str]:
    """Names in our registry of this kind and in its parents."""
    registries = vars(mmcl_ext.registry).values()
    node = next((r for r in registries if isinstance(r, Registry) and r.name == kind), None)
    names: set[str] = set()
    while node is not None:
        names |= set(node.module_dict)
        node = node.parent
    return names


def _is_of_the_call(error: TypeError) -> bool:
    """Tell whether the built class was given what it does not take, or one of its bases was.

    A class that goes wrong inside, when it calls another one, is a fault of the program.
    """
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    if trace is None:
        return False
    if trace.tb_frame.f_globals.get('__name__') == 'mmengine.registry.build_functions':
        return True
    owner = str(error).partition('.__init__() ')[0]
    bases = type(trace.tb_frame.f_locals.get('self')).__mro__[1:]
    return owner in {base.__qualname__ for base in bases}
