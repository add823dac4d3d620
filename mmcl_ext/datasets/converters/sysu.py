"""SYSU 3D Human-Object Interaction (Hu et al., CVPR 2015) to an annotation store.

Written from descriptions of the archive, never run on it: what those leave open (the
unit, which way is up, left and right of the legs) is measured before it is relied on.
"""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Unpack

import numpy as np

from mmcl_ext.datasets.converters.conversion import (
    Conversion,
    ConversionOptions,
    ConversionReport,
    SampleInfo,
)
from mmcl_ext.datasets.converters.matlab import read_matlab_skeleton
from mmcl_ext.fileio.archive_file import ArchiveFile
from mmcl_ext.fileio.printable import counted
from mmcl_ext.graphs.layouts import get_layout

SYSU_CLASSES = (
    *('drinking', 'pouring', 'calling phone', 'playing phone', 'wearing backpacks'),
    *('packing backpacks', 'sitting chair', 'moving chair', 'taking out wallet'),
    *('taking from wallet', 'mopping', 'sweeping'),
)
"""Names of the 12 classes in the order video1..video12."""

NUM_SPLITS = 30
"""Random divisions per protocol, whose mean is reported."""

_VIDEO = re.compile(r'video(\d+)')
_NUM_SUBJECTS = 40
_TRUNK = 0.48  # metres from between the hips to the centre of the shoulders, Kinect v1
_TOLERANCE = (0.35, 0.65)
_UNITS = {'metre': 1.0, 'millimetre': 1e-3}


@dataclass(frozen=True)
class SYSUConvention:
    """How the archive means its numbers."""

    unit: str = 'metre'
    y_up: bool = True
    legs_swapped: bool = False

    def apply(self, joints: np.ndarray) -> np.ndarray:
        """Bring (T, V, C) to metres, y up and the layout ``kinect_v1``."""
        joints = joints * (_UNITS[self.unit] * np.array((1, 1 if self.y_up else -1, 1)))
        if self.legs_swapped:
            joints = joints[:, (*range(12), *range(16, 20), *range(12, 16))]
        return joints

    @classmethod
    def measure(cls, sequences: Sequence[np.ndarray]) -> 'SYSUConvention':
        """Find the convention that most sequences (T, V, C) agree on; ValueError if none fits."""
        bodies = [_Geometry.of(joints) for joints in sequences]
        trunk = float(np.median([body.trunk for body in bodies]))
        low, high = _TOLERANCE
        units = [unit for unit, scale in _UNITS.items() if low <= trunk * scale <= high]
        if not units:
            raise ValueError(
                f'the trunks measure {trunk:.3f} (median), expected about {_TRUNK} m or '
                f'{_TRUNK * 1000:.0f} mm'
            )
        return cls(
            unit=units[0],
            y_up=_most(body.head_above for body in bodies),
            legs_swapped=_most(body.legs_crossed for body in bodies),
        )


@dataclass(frozen=True)
class _Geometry:
    trunk: float
    head_above: bool
    legs_crossed: bool

    @classmethod
    def of(cls, joints: np.ndarray) -> '_Geometry':
        names = get_layout('kinect_v1').joint_names
        joint = {name: joints[:, names.index(name)] for name in names}
        hips = (joint['left_hip'] + joint['right_hip']) / 2
        shoulders = joint['right_shoulder'] - joint['left_shoulder']
        legs = joint['right_hip'] - joint['left_hip']
        return cls(
            trunk=float(np.median(np.linalg.norm(joint['shoulder_center'] - hips, axis=1))),
            head_above=bool(np.median(joint['head'][:, 1] - hips[:, 1]) > 0),
            legs_crossed=bool(np.median((shoulders * legs).sum(axis=1)) < 0),
        )


def _most(votes: Iterable[bool]) -> bool:
    counted = list(votes)
    return sum(counted) * 2 > len(counted)


def read_sysu_skeleton(member: ArchiveFile) -> np.ndarray:
    """Read one ``sklWorld.mat`` as it is: (T, V=20, C=3), see :func:`read_matlab_skeleton`."""
    return read_matlab_skeleton(member, 'SW')


def _read(convention: SYSUConvention, member: ArchiveFile) -> np.ndarray:
    return convention.apply(read_sysu_skeleton(member))[None].astype(np.float32)


def sysu_splits(names: Sequence[str], seed: int = 0) -> dict[str, list[str]]:
    """Divide the samples at random, thirty times per protocol.

    ``same_XX``: of each activity, half of the samples train (the authors' setting 1).
    ``xsub_XX``: half of the subjects train (setting 2). Both continue with ``_train`` or
    ``_val``, XX is 00 to 29. The authors' own divisions are not public, so numbers agree
    with published ones on average only.
    """
    generator = np.random.default_rng(seed)
    subjects = sorted({name[:3] for name in names})
    splits: dict[str, list[str]] = {}
    for index in range(NUM_SPLITS):
        train = set(generator.permutation(subjects)[: (len(subjects) + 1) // 2].tolist())
        splits[f'xsub_{index:02d}_train'] = [name for name in names if name[:3] in train]
        splits[f'xsub_{index:02d}_val'] = [name for name in names if name[:3] not in train]
    for index in range(NUM_SPLITS):
        train = set()
        for activity in sorted({name[4:] for name in names}):
            same = [name for name in names if name[4:] == activity]
            train |= set(generator.permutation(same)[: (len(same) + 1) // 2].tolist())
        splits[f'same_{index:02d}_train'] = [name for name in names if name in train]
        splits[f'same_{index:02d}_val'] = [name for name in names if name not in train]
    return splits


def convert_sysu(
    source: str | os.PathLike,
    out: str | os.PathLike,
    *,
    seed: int = 0,
    **options: Unpack[ConversionOptions],
) -> ConversionReport:
    """Convert SYSU 3D HOI from the folder with ``<subject>/video<k>/sklWorld.mat``.

    Subjects are folders with a person's name; sorted, they become ``s01`` to ``s40``.
    All files are read twice: once to measure how the numbers are meant
    (:class:`SYSUConvention`), once to convert them. For ``seed`` see :func:`sysu_splits`. A
    ValueError if the skeletons have no human size.
    """
    subjects = _find_subjects(Path(source))
    items = [
        SampleInfo(f's{i:02d}_a{activity:02d}', activity - 1, member)
        for i, videos in enumerate(subjects.values(), 1)
        for activity, member in sorted(videos.items())
    ]
    try:
        convention = SYSUConvention.measure(_readable(items, options.get('on_error', 'stop')))
    except ValueError as error:
        raise ValueError(f'{source}: {error}') from error
    return Conversion(
        out=Path(out),
        items=items,
        read=partial(_read, convention),
        layout='kinect_v1',
        classes=SYSU_CLASSES,
        splits=sysu_splits([item.name for item in items], seed),
        metadata=dict(
            dataset='SYSU 3D HOI',
            unit='metre',
            source_convention=vars(convention),
            subjects=list(subjects),
            seed=seed,
        ),
        **options,
    ).run(notes=_notes(subjects, convention))


def _readable(items: Sequence[SampleInfo], on_error: str) -> list[np.ndarray]:
    sequences = []
    for item in items:
        try:
            sequences.append(read_sysu_skeleton(item.source))
        except ValueError:
            if on_error == 'stop':
                raise
    if not sequences:
        raise ValueError('none of the files can be read')
    return sequences


def _find_subjects(source: Path) -> dict[str, dict[int, ArchiveFile]]:
    """Find the files by subject and activity; other folders are left out."""
    subjects: dict[str, dict[int, ArchiveFile]] = {}
    for path in sorted(source.rglob('sklWorld.mat')):
        match = _VIDEO.fullmatch(path.parent.name)
        if match and 1 <= int(match[1]) <= len(SYSU_CLASSES):
            videos = subjects.setdefault(path.parent.parent.name, {})
            if int(match[1]) in videos:
                raise ValueError(f'{path} comes twice: {videos[int(match[1])]}')
            videos[int(match[1])] = ArchiveFile(path)
    if not subjects:
        raise FileNotFoundError(f'no file SUBJECT/videoK/sklWorld.mat in {source}')
    return subjects


def _notes(
    subjects: Mapping[str, Mapping[int, ArchiveFile]], convention: SYSUConvention
) -> list[str]:
    notes = [
        f'measured: unit {convention.unit}, y {"up" if convention.y_up else "down"}, '
        f'legs {"swapped" if convention.legs_swapped else "not swapped"}',
        'this converter has not been run on the real archive: look at some sequences',
    ]
    if len(subjects) != _NUM_SUBJECTS:
        notes.append(f'{counted(len(subjects), "subject")}, expected {_NUM_SUBJECTS}')
    for i, (name, videos) in enumerate(subjects.items(), 1):
        lacking = sorted(set(range(1, len(SYSU_CLASSES) + 1)) - set(videos))
        if lacking:
            notes.append(f's{i:02d} ({name}) lacks the videos {lacking}')
    return notes
