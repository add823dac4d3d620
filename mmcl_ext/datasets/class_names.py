"""Names of the classes of the known data sets."""

from collections.abc import Sequence

from mmcl_ext.datasets.converters.nwucla import NWUCLA_CLASSES
from mmcl_ext.datasets.converters.sysu import SYSU_CLASSES
from mmcl_ext.datasets.converters.utdmhad import UTDMHAD_CLASSES
from mmcl_ext.datasets.metainfo import read_facts

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

    Raises:
        ValueError: The data set is unknown.
    """
    if not isinstance(dataset, str):
        return tuple(dataset)
    known = dataset.replace('_', '')  # zero-shot configurations used to write nw_ucla, utd_mhad
    if known not in _CLASSES:
        raise ValueError(f'no class names of {dataset!r}; known are {sorted(_CLASSES)}')
    return _CLASSES[known]
