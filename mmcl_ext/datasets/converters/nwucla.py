"""Northwestern-UCLA (Wang et al., CVPR 2014): JSON skeletons to an annotation store."""

import os
import re
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from mmcl_ext.datasets.converters.conversion import (
    Conversion,
    ConversionOptions,
    ConversionReport,
    SampleInfo,
)
from mmcl_ext.datasets.metainfo import read_facts
from mmcl_ext.fileio.archive_file import ArchiveFile, find_files
from mmcl_ext.fileio.as_float32 import as_float32
from mmcl_ext.fileio.name_file import DAMAGE, name_file, names_file
from mmcl_ext.fileio.printable import bounded_repr, counted
from mmcl_ext.fileio.read_json import read_json

NWUCLA_CLASSES = (
    *('pick up with one hand', 'pick up with two hands', 'drop trash', 'walk around'),
    *('sit down', 'stand up', 'donning', 'doffing', 'throw', 'carry'),
)
"""Names of the 10 classes in the order of the labels."""

# The actions 7 and 10 do not exist.
_LABELS = {f'a{action:02d}': i for i, action in enumerate((1, 2, 3, 4, 5, 6, 8, 9, 11, 12))}
_NAME = re.compile(r'(a\d\d)_s\d\d_e\d\d_(v\d\d)')
_NUM_SEQUENCES = 1484


def nwucla_val_order() -> tuple[str, ...]:
    """The 464 test sequences in the order of CTR-GCN's list, which score files follow."""
    return read_facts('nwucla_val_order')


@names_file
def read_nwucla_skeleton(member: ArchiveFile) -> np.ndarray:
    """Read one sequence: (M=1, T, V=20, C=3) float32 in metres, layout ``kinect_v1``.

    A ValueError names file and field where it is malformed.
    """
    name = member.name.removesuffix('.json')
    content = read_json(member, dict)
    _check_field(member, content, 'file_name', name)
    # The published labels count the classes from 1, not the actions.
    _check_field(member, content, 'label', _LABELS[name[:3]] + 1)
    with name_file(f'{member}: field skeletons', DAMAGE):
        joints = as_float32(content.get('skeletons'))
    if joints.ndim != 3 or joints.shape[1:] != (20, 3) or not len(joints):
        raise ValueError(f'{member}: field skeletons: expected (T, 20, 3), got {joints.shape}')
    if not np.isfinite(joints).all():
        frame, joint, _ = (int(i[0]) for i in np.nonzero(~np.isfinite(joints)))
        raise ValueError(f'{member}: field skeletons: joint {joint} of frame {frame} not finite')
    return joints[None]


def _check_field(member: ArchiveFile, content: dict[str, Any], field: str, expected: Any) -> None:
    if content.get(field) != expected:
        found = bounded_repr(content.get(field))
        raise ValueError(f'{member}: field {field}: {found} is not {expected!r}')


def convert_nwucla(
    source: str | os.PathLike,
    out: str | os.PathLike,
    **options: Unpack[ConversionOptions],
) -> ConversionReport:
    """Convert Northwestern-UCLA from its JSON files or ``all_sqe.zip``.

    The splits are ``xview_train``, the views 1 and 2 sorted by name, and ``xview_val``,
    view 3 in the order of CTR-GCN's list (see :func:`nwucla_val_order`). A FileNotFoundError if the
    source holds no sequences.
    """
    items, ignored = _list_items(source)
    views = {item.name: item.name[-3:] for item in items}
    published = {name: i for i, name in enumerate(nwucla_val_order())}
    val = [name for name, view in views.items() if view == 'v03']
    notes = []
    if len(items) != _NUM_SEQUENCES:
        notes.append(
            f'{counted(len(items), "sequence")}, but the published archive holds {_NUM_SEQUENCES}'
        )
    return Conversion(
        out=Path(out),
        items=items,
        read=read_nwucla_skeleton,
        layout='kinect_v1',
        classes=NWUCLA_CLASSES,
        splits=dict(
            xview_train=[name for name, view in views.items() if view in ('v01', 'v02')],
            xview_val=sorted(val, key=lambda name: (published.get(name, len(published)), name)),
        ),
        metadata=dict(dataset='NW-UCLA', unit='metre'),
        **options,
    ).run(missing=[name for name in published if name not in views], ignored=ignored, notes=notes)


def _list_items(source: str | os.PathLike) -> tuple[list[SampleInfo], list[str]]:
    items, ignored = [], []
    for file_name, member in find_files(source, '.json').items():
        match = _NAME.fullmatch(file_name.removesuffix('.json'))
        if match and match[1] in _LABELS and match[2] in ('v01', 'v02', 'v03'):
            items.append(SampleInfo(match[0], _LABELS[match[1]], member))
        else:
            ignored.append(file_name)
    if not items:
        raise FileNotFoundError(f'no file such as a01_s01_e00_v01.json in {source}')
    return items, ignored
