"""NTU RGB+D 60 and 120: raw ``.skeleton`` files to an annotation store."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Unpack

import numpy as np

from mmcl_ext.datasets.converters.conversion import (
    Conversion,
    ConversionOptions,
    ConversionReport,
    SampleInfo,
)
from mmcl_ext.datasets.converters.ntu_actors import (
    Actors,
    ctrgcn_actors,
    mmaction_actors,
    pyskl_actors,
)
from mmcl_ext.datasets.converters.ntu_protocol import (
    NTUName,
    ntu_classes,
    ntu_missing_names,
    ntu_names,
    ntu_splits,
)
from mmcl_ext.datasets.converters.skeleton_file import read_skeleton_file
from mmcl_ext.fileio.archive_file import ArchiveFile, find_files
from mmcl_ext.fileio.name_file import names_file

_ACTORS: Mapping[str, Actors] = {
    'ctrgcn': ctrgcn_actors,
    'pyskl': pyskl_actors,
    'mmaction': mmaction_actors,
}
NTU_PREPROCESSINGS = tuple(_ACTORS)
SECOND_BODIES = ('none', 'zeros', 'copy')


def translate_sequence(keypoint: np.ndarray) -> np.ndarray:
    """Move the origin to the middle of the spine of the first person's first frame.

    CTR-GCN's scripts do this once, for all joints of both persons (M, T, V=25, C=3) in all
    frames; someone who is not there stays zero.
    """
    first = int(keypoint[0].any(axis=(1, 2)).argmax())
    moved = keypoint - keypoint[0, first, 1]
    if len(keypoint) > 1:
        moved[keypoint.sum(axis=(2, 3)) == 0] = 0
    return moved


@dataclass(frozen=True)
class NTUReader:
    """Reads one ``.skeleton`` file.

    For ``preprocessing`` see :mod:`mmcl_ext.datasets.converters.ntu_actors`, for ``translate``
    :func:`translate_sequence`; beside a single person stands a ``second_body``: ``'none'`` (M = 1),
    ``'zeros'`` or a ``'copy'`` (M = 2).
    """

    preprocessing: str = 'ctrgcn'
    translate: bool = True
    second_body: str = 'none'

    def __post_init__(self) -> None:
        if self.preprocessing not in _ACTORS:
            raise ValueError(
                f'preprocessing is one of {NTU_PREPROCESSINGS}, got {self.preprocessing!r}'
            )
        if self.second_body not in SECOND_BODIES:
            raise ValueError(f'second_body is one of {SECOND_BODIES}, got {self.second_body!r}')

    @names_file
    def __call__(self, member: ArchiveFile) -> np.ndarray:
        """Read a file: (M, T, V=25, C=3) float32 in metres.

        A ValueError names file and line; a DroppedSampleError if nobody is left in it.
        """
        keypoint = _ACTORS[self.preprocessing](read_skeleton_file(member))
        if self.translate:
            keypoint = translate_sequence(keypoint)
        if len(keypoint) == 1 and self.second_body != 'none':
            other = keypoint if self.second_body == 'copy' else np.zeros_like(keypoint)
            keypoint = np.concatenate((keypoint, other))
        return keypoint


def convert_ntu(
    source: str | os.PathLike,
    out: str | os.PathLike,
    *,
    num_classes: int = 60,
    preprocessing: str = 'ctrgcn',
    translate: bool | None = None,
    second_body: str = 'none',
    **options: Unpack[ConversionOptions],
) -> ConversionReport:
    """Convert the skeletons of NTU RGB+D 60 or 120, for all protocols in one file.

    The splits are ``xsub_train`` and ``xsub_val``, and ``xview_*`` (60) or ``xset_*``
    (120). Samples on the authors' list of missing skeletons are left out. The source is a folder
    with the files or their ZIP archives, however deep. For the preprocessing see
    :class:`NTUReader`. It fixes the layout, too, because the bones of the hands differ
    (``'nturgb+d-ctrgcn'``, or ``'nturgb+d'`` for the others), and the defaults: CTR-GCN translates
    and has float32, the others leave the origin in the camera and have float16. A FileNotFoundError
    if the source holds no skeletons.
    """
    options.setdefault('dtype', 'float32' if preprocessing == 'ctrgcn' else 'float16')
    translate = preprocessing == 'ctrgcn' if translate is None else translate
    reader = NTUReader(preprocessing, translate, second_body)
    items, missing, ignored = _list_items(source, num_classes)
    absent = ntu_missing_names(num_classes)
    kept = [item for item in items if item.name not in absent]
    conversion = Conversion(
        out=Path(out),
        items=kept,
        read=reader,
        layout='nturgb+d-ctrgcn' if preprocessing == 'ctrgcn' else 'nturgb+d',
        classes=ntu_classes(num_classes),
        splits=ntu_splits(num_classes, [item.name for item in items]),
        metadata=dict(
            dataset=f'NTU RGB+D {num_classes}',
            unit='metre',
            preprocessing=preprocessing,
            translated=translate,
            second_body=second_body,
        ),
        **options,
    )
    dropped = {item: 'on the list of missing skeletons' for item in items if item.name in absent}
    return conversion.run(missing=missing, ignored=ignored, dropped=dropped)


def _list_items(
    source: str | os.PathLike, num_classes: int
) -> tuple[list[SampleInfo], list[str], list[str]]:
    """Find the samples, sorted; those that are lacking; and files that are none."""
    members = {
        name.removesuffix('.skeleton'): member
        for name, member in find_files(source, '.skeleton').items()
    }
    names = ntu_names(num_classes)
    known = set(names)
    items = [SampleInfo(n, NTUName.parse(n).label, m) for n, m in members.items() if n in known]
    if not items:
        raise FileNotFoundError(f'no file such as S001C001P001R001A001.skeleton in {source}')
    expected = known - ntu_missing_names(num_classes)
    return (
        items,
        [name for name in names if name in expected and name not in members],
        [member.name for name, member in members.items() if name not in known],
    )
