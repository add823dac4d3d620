import ast
import functools
import inspect
import textwrap
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple


class Arguments(NamedTuple):
    """Names of a callable's arguments, those without a default, and whether it takes any name."""

    names: frozenset[str]
    required: frozenset[str]
    any_name: bool


class _Forwarded(NamedTuple):
    """How ``super().__init__`` is called with ``**kwargs``."""

    positional: int
    keywords: frozenset[str]


@functools.cache
def arguments_of(target: Callable[..., Any]) -> Arguments:
    """Find the arguments of a class or function.

    Where an ``__init__`` only hands its ``**kwargs`` to ``super().__init__``, the arguments of
    the next class count as well; where it does anything else with them, any name is taken.
    """
    names, required = set[str](), set[str]()
    given, skipped = frozenset[str](), 0
    for function in _initializers(target):
        parameters = _parameters(function, bound=function is not target)
        by_name = [p for p in parameters[skipped:] if p.kind in _BY_NAME]
        names |= {p.name for p in by_name} - given
        required |= {p.name for p in by_name if p.default is p.empty} - given
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            return Arguments(frozenset(names), frozenset(required), any_name=False)
        forwarded = _forwarded(function)
        if forwarded is None:
            break
        given, skipped = forwarded.keywords, forwarded.positional
    return Arguments(frozenset(names), frozenset(required), any_name=True)


_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def _initializers(target: Any) -> Iterator[Callable[..., Any]]:
    """Yield the function, or the ``__init__`` of a class and of its bases in order."""
    if not inspect.isclass(target):
        yield target
        return
    for base in target.__mro__:
        if '__init__' in vars(base):
            yield vars(base)['__init__']


def _parameters(function: Callable[..., Any], bound: bool) -> list[inspect.Parameter]:
    """Parameters without ``self``; a signature that Python does not tell takes anything."""
    try:
        found = list(inspect.signature(function).parameters.values())
    except (ValueError, TypeError):
        return [inspect.Parameter('arguments', inspect.Parameter.VAR_KEYWORD)]
    return found[1:] if bound else found


def _forwarded(function: Callable[..., Any]) -> _Forwarded | None:
    """Read how an ``__init__`` hands on its ``**kwargs``; None if it uses them otherwise."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(function)))).body[0]
    except (OSError, TypeError, SyntaxError):
        return None
    if not isinstance(tree, ast.FunctionDef) or tree.args.kwarg is None:
        return None
    name = tree.args.kwarg.arg
    uses = [n for n in ast.walk(tree) if isinstance(n, ast.Name) and n.id == name]
    calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and _is_super_init(n.func)]
    handed = [k.value for call in calls for k in call.keywords if k.arg is None]
    if len(calls) != 1 or len(uses) != 1 or not any(value is uses[0] for value in handed):
        return None
    positional = sum(not isinstance(argument, ast.Starred) for argument in calls[0].args)
    return _Forwarded(positional, frozenset(k.arg for k in calls[0].keywords if k.arg))


def _is_super_init(function: ast.expr) -> bool:
    return (
        isinstance(function, ast.Attribute)
        and function.attr == '__init__'
        and isinstance(function.value, ast.Call)
        and isinstance(function.value.func, ast.Name)
        and function.value.func.id == 'super'
    )
