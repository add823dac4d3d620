"""Names of the classes of data sets, and which of one mean the same as which of another."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmcl_ext.datasets.converters.nwucla import NWUCLA_CLASSES
from mmcl_ext.datasets.converters.sysu import SYSU_CLASSES
from mmcl_ext.datasets.converters.utdmhad import UTDMHAD_CLASSES
from mmcl_ext.datasets.metainfo import read_facts
from mmcl_ext.datasets.store.name_table import repeated

_NTU = read_facts('ntu_classes')
_CLASSES = {
    'ntu60': _NTU[:60],
    'ntu120': _NTU,
    'nwucla': NWUCLA_CLASSES,
    'utdmhad': UTDMHAD_CLASSES,
    'sysu': SYSU_CLASSES,
}


def class_names(dataset: str | Sequence[str]) -> tuple[str, ...]:
    """Return the names of a data set's classes in the order of its labels.

    ``dataset`` is ``'ntu60'``, ``'ntu120'``, ``'nwucla'``, ``'utdmhad'``, ``'sysu'``, or the names.
    A ValueError if the data set is unknown.
    """
    if not isinstance(dataset, str):
        return tuple(dataset)
    known = dataset.replace('_', '')  # zero-shot configurations used to write nw_ucla, utd_mhad
    if known not in _CLASSES:
        raise ValueError(f'no class names of {dataset!r}; known are {sorted(_CLASSES)}')
    return _CLASSES[known]


@dataclass(frozen=True)
class ClassRow:
    """Classes of the target that are recognized by the source's classes of the same meaning.

    There are several of the target where the source cannot tell them apart.
    """

    target: tuple[str, ...]
    source: tuple[str, ...]

    @property
    def name(self) -> str:
        """The target's names, joined."""
        return ' / '.join(self.target)


@dataclass(frozen=True)
class ClassMap:
    """Classes of a target data set in terms of the classes a network was trained on.

    A row joins classes of the target with those of the source that mean the same; no
    class comes twice. Every class of the target stands in a row or is excluded by name,
    so that none is forgotten. Letters: R rows, K classes of the source, L of the target;
    both lists of names are in the order of the labels.
    """

    rows: tuple[ClassRow, ...]
    excluded: tuple[str, ...]
    source_classes: tuple[str, ...]
    target_classes: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.rows:
            raise ValueError('the class map has no rows')
        targets = [name for row in self.rows for name in row.target]
        _check_names('source', [n for row in self.rows for n in row.source], self.source_classes)
        _check_names('target', [*targets, *self.excluded], self.target_classes)
        empty = [row for row in self.rows if not row.source or not row.target]
        if empty:
            raise ValueError(f'class map: {empty[0]} has no classes on one side')
        absent = [n for n in self.target_classes if n not in {*targets, *self.excluded}]
        if absent:
            raise ValueError(
                f'class map: the target classes {absent} are in no row; list them as excluded'
            )

    @classmethod
    def from_config(
        cls,
        config: Mapping[str, Any],
        source_classes: Sequence[str],
        target_classes: Sequence[str],
    ) -> 'ClassMap':
        """Read the map of a configuration; the names are in the order of the labels.

        Its ``rows`` are dicts with ``target`` and ``source``, each a name or several; ``excluded``
        are names of the target. A ValueError if a key or a name is unknown, a name comes twice, or
        a class of the target is neither in a row nor excluded.
        """
        unknown = sorted(set(config) - {'rows', 'excluded'})
        rows = list(config.get('rows', ()))
        strange = [row for row in rows if set(row) != {'target', 'source'}]
        if unknown or strange:
            raise ValueError(
                'a class map has rows=[dict(target=..., source=...), ...] and excluded=[...], got '
                f'{unknown or dict(strange[0])}'
            )
        return cls(
            rows=tuple(ClassRow(_names(row['target']), _names(row['source'])) for row in rows),
            excluded=_names(config.get('excluded', ())),
            source_classes=tuple(source_classes),
            target_classes=tuple(target_classes),
        )

    @property
    def row_of_target(self) -> np.ndarray:
        """Row of each class of the target: int64, (L,); -1 where it is excluded."""
        rows = {name: i for i, row in enumerate(self.rows) for name in row.target}
        return np.array([rows.get(name, -1) for name in self.target_classes], np.int64)

    @property
    def source_of_row(self) -> np.ndarray:
        """Which classes of the source make up each row: bool, (R, K)."""
        names = self.source_classes
        return np.array([[name in row.source for name in names] for row in self.rows])


def _names(value: str | Iterable[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _check_names(side: str, names: Sequence[str], known: Sequence[str]) -> None:
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(
            f'class map: {unknown[0]!r} is no class of the {side}; it has {list(known)}'
        )
    if (twice := repeated(names)) is not None:
        raise ValueError(f'class map: the {side} class {twice!r} comes twice')
