"""YAML files as data: no tag makes an object of Python, and aliases cannot multiply."""

from typing import IO, Any

import yaml

_Loader: Any = getattr(yaml, 'CSafeLoader', yaml.SafeLoader)
_MAX_VALUES = 100_000
_MAX_DEPTH = 100


class _DataLoader(_Loader):
    """Reads what MMEngine dumps: plain values and tuples."""


_DataLoader.add_constructor(
    'tag:yaml.org,2002:python/tuple',
    lambda loader, node: tuple(loader.construct_sequence(node, deep=True)),
)


def data_loader(stream: str | IO) -> Any:
    """Make PyYAML's loader of a text or file, in place of the one that builds any object.

    A ValueError if the file, with all aliases written out, has more than 100,000 values, is nested
    deeper than 100 levels, or holds itself.
    """
    text = stream if isinstance(stream, str | bytes) else stream.read()
    _check_size(text)
    return _DataLoader(text)


def _check_size(text: str | bytes) -> None:
    """Count the values that a text stands for, without building any."""
    sizes: dict[str, int] = {}
    opened: list[tuple[str | None, int]] = []  # anchor of each open list or dict, count before
    count = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionEndEvent):
            anchor, before = opened.pop()
            sizes |= {anchor: count - before} if anchor else {}
            continue
        anchor = getattr(event, 'anchor', None)
        if isinstance(event, yaml.AliasEvent):
            if anchor in (name for name, _ in opened):
                raise ValueError('it holds itself, by an alias')
            count += sizes.get(str(anchor), 1)
        elif isinstance(event, yaml.NodeEvent):
            count += 1
        if isinstance(event, yaml.CollectionStartEvent):
            opened.append((anchor, count))
        if count > _MAX_VALUES or len(opened) > _MAX_DEPTH:
            raise ValueError('it is nested too deep, or has too many values')
