"""Names of the classes of the known data sets."""

from collections.abc import Sequence

from mmcl_ext.datasets.converters.nw_ucla import NW_UCLA_CLASSES
from mmcl_ext.datasets.converters.sysu import SYSU_CLASSES
from mmcl_ext.datasets.converters.utd_mhad import UTD_MHAD_CLASSES
from mmcl_ext.datasets.metainfo import read_facts

_NTU = read_facts('ntu_classes')
_CLASSES = {
    'ntu60': _NTU[:60],
    'ntu120': _NTU,
    'nw_ucla': NW_UCLA_CLASSES,
    'utd_mhad': UTD_MHAD_CLASSES,
    'sysu': SYSU_CLASSES,
}


def class_names(dataset: str | Sequence[str]) -> tuple[str, ...]:
    """Return the names of a data set's classes in the order of its labels.

    Args:
        dataset: ``'ntu60'``, ``'ntu120'``, ``'nw_ucla'``, ``'utd_mhad'``, ``'sysu'``, or the
            names themselves.

    Raises:
        ValueError: The data set is unknown.
    """
    if not isinstance(dataset, str):
        return tuple(dataset)
    if dataset not in _CLASSES:
        raise ValueError(f'no class names of {dataset!r}; known are {sorted(_CLASSES)}')
    return _CLASSES[dataset]
