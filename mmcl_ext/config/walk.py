from collections.abc import Callable, Iterator, Mapping
from typing import Any


def walk(node: Any) -> Iterator[Any]:
    """Yield every dict of a nested configuration, the outer ones before those they hold."""
    if isinstance(node, Mapping):
        yield node
        node = list(node.values())
    if isinstance(node, (list, tuple)):
        for child in node:
            yield from walk(child)


def walk_types(node: Any, *names: str) -> Iterator[Any]:
    """Yield the dicts whose ``type`` has one of these names, with or without a scope."""
    for found in walk(node):
        kind = found.get('type')
        if getattr(kind, '__name__', str(kind)).rpartition('.')[2] in names:
            yield found


def map_texts(node: Any, change: Callable[[str], str]) -> Any:
    """Copy a nested configuration with every text in it changed, the keys included."""
    if isinstance(node, Mapping):
        return {map_texts(key, change): map_texts(node[key], change) for key in node}
    if isinstance(node, (list, tuple)):
        return type(node)(map_texts(value, change) for value in node)
    return change(node) if isinstance(node, str) else node
