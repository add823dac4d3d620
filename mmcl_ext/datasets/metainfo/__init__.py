"""Published lists of the data sets: names, classes, splits. One entry a line."""

from functools import cache
from importlib.resources import files


@cache
def read_facts(name: str) -> tuple[str, ...]:
    """Read one of the lists that the package ships, by its file name without ``.txt``."""
    return tuple((files(__package__) / f'{name}.txt').read_text('utf-8').splitlines())
