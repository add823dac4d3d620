"""NTU RGB+D 60 and 120: names, classes, missing skeletons and protocols.

Shahroudy et al., CVPR 2016; Liu et al., TPAMI 2020. Everything follows from three
lists: who performed in which setup, which skeletons are missing, the class names.
"""

import re
from collections.abc import Callable, Iterable
from functools import cache
from typing import NamedTuple

from mmcl_ext.datasets.metainfo import read_facts

_NAME = re.compile(r'S(\d{3})C(\d{3})P(\d{3})R(\d{3})A(\d{3})')
_SETUPS = {60: 17, 120: 32}
_TRAIN_PERFORMERS = frozenset(
    (
        *(1, 2, 4, 5, 8, 9, 13, 14, 15, 16, 17, 18, 19, 25, 27, 28, 31, 34, 35, 38),
        # From here on NTU RGB+D 120 only.
        *(45, 46, 47, 49, 50, 52, 53, 54, 55, 56, 57, 58, 59, 70, 74, 78, 80, 81, 82, 83),
        *(84, 85, 86, 89, 91, 92, 93, 94, 95, 97, 98, 100, 103),
    )
)


class NTUName(NamedTuple):
    """What a sample's name says; all counted from 1."""

    setup: int
    camera: int
    performer: int
    replication: int
    action: int

    @classmethod
    def parse(cls, name: str) -> 'NTUName':
        """Read a name such as ``S001C002P003R002A013``; ValueError for another form."""
        match = _NAME.fullmatch(name)
        if match is None:
            raise ValueError(f'{name!r} is not a name such as S001C002P003R002A013')
        return cls(*map(int, match.groups()))

    @property
    def label(self) -> int:
        """Class, counted from 0."""
        return self.action - 1

    def __str__(self) -> str:
        return 'S{:03d}C{:03d}P{:03d}R{:03d}A{:03d}'.format(*self)


class Protocol(NamedTuple):
    """How a benchmark divides the samples: by a field of the name."""

    field: str
    trains: Callable[[int], bool]


_XSUB = Protocol('performer', _TRAIN_PERFORMERS.__contains__)
_PROTOCOLS = {
    60: {'xsub': _XSUB, 'xview': Protocol('camera', (2, 3).__contains__)},
    120: {'xsub': _XSUB, 'xset': Protocol('setup', lambda setup: setup % 2 == 0)},
}


def ntu_classes(num_classes: int) -> tuple[str, ...]:
    """Names of the 60 or 120 classes, in the order of the labels."""
    _check(num_classes)
    return read_facts('ntu_classes')[:num_classes]


@cache
def ntu_names(num_classes: int) -> tuple[str, ...]:
    """Names of all recorded samples, sorted: 56,880 or 114,480."""
    _check(num_classes)
    return tuple(
        str(NTUName(setup, camera, performer, replication, action))
        for setup, performers in _setup_performers()
        if setup <= _SETUPS[num_classes]
        for camera in (1, 2, 3)
        for performer in performers
        for replication in (1, 2)
        for action in (range(1, 61) if setup <= _SETUPS[60] else range(61, 121))
    )


@cache
def ntu_missing_names(num_classes: int) -> frozenset[str]:
    """Names whose skeletons are missing or incomplete (the authors' lists): 302 or 535."""
    _check(num_classes)
    names = read_facts('ntu_missing_skeletons')
    return frozenset(n for n in names if NTUName.parse(n).setup <= _SETUPS[num_classes])


def ntu_splits(
    num_classes: int, names: Iterable[str] | None = None, order: str = 'name'
) -> dict[str, list[str]]:
    """Divide samples by all protocols: names by ``<protocol>_train`` and ``<protocol>_val``.

    The protocols are ``xsub`` and ``xview`` (60 classes) or ``xset`` (120). Without ``names`` all
    samples are taken whose skeleton is there. Each split is sorted by name, or with
    ``order='group'`` by performer, camera or setup first: the order of the rows in CTR-GCN's
    arrays and of the lists that MMCL and others publish with score files.
    """
    _check(num_classes)
    if order not in ('name', 'group'):
        raise ValueError(f"order is 'name' or 'group', got {order!r}")
    if names is None:
        missing = ntu_missing_names(num_classes)
        names = (name for name in ntu_names(num_classes) if name not in missing)
    parsed = sorted((name, NTUName.parse(name)) for name in names)
    splits = {}
    for key, (field, trains) in _PROTOCOLS[num_classes].items():
        rows = [(getattr(fields, field), name) for name, fields in parsed]
        if order == 'group':
            rows.sort()
        splits[f'{key}_train'] = [name for group, name in rows if trains(group)]
        splits[f'{key}_val'] = [name for group, name in rows if not trains(group)]
    return splits


def _check(num_classes: int) -> None:
    if num_classes not in _SETUPS:
        raise ValueError(f'NTU RGB+D has 60 or 120 classes, got {num_classes!r}')


def _setup_performers() -> list[tuple[int, list[int]]]:
    """Read lines such as ``S002 3 7-14``."""
    table = []
    for line in read_facts('ntu_setup_performers'):
        setup, *ranges = line.split()
        performers: list[int] = []
        for part in ranges:
            first, _, last = part.partition('-')
            performers += range(int(first), int(last or first) + 1)
        table.append((int(setup[1:]), performers))
    return table
