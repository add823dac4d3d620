"""UTD-MHAD (Chen et al., ICIP 2015): raw archives to an annotation store."""

import os
import re
from collections.abc import Iterable
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
from mmcl_ext.fileio.archive_file import ArchiveFile, find_members
from mmcl_ext.fileio.as_float32 import as_float32

UTDMHAD_CLASSES = (
    *('swipe_left', 'swipe_right', 'wave', 'clap', 'throw', 'arm_cross', 'basketball_shoot'),
    *('draw_x', 'draw_circle_CW', 'draw_circle_CCW', 'draw_triangle', 'bowling', 'boxing'),
    *('baseball_swing', 'tennis_swing', 'arm_curl', 'tennis_serve', 'push', 'knock', 'catch'),
    *('pickup_throw', 'jog', 'walk', 'sit2stand', 'stand2sit', 'lunge', 'squat'),
)
"""Short names of the 27 classes in the order a1..a27."""

# The authors took these corrupt recordings out of the archives.
_REMOVED = ('a8_s1_t4', 'a23_s6_t4', 'a27_s8_t4')

# Stored: head, shoulder centre, spine, hip centre, arms, legs. The Kinect SDK counts upwards.
_TO_KINECT_V1 = (3, 2, 1, 0, *range(4, 20))


def utdmhad_names() -> tuple[str, ...]:
    """Names of the 861 sequences, ``a1_s1_t1`` ... ``a27_s8_t3``, by action, subject, trial."""
    names = (
        f'a{action}_s{subject}_t{trial}'
        for action in range(1, 28)
        for subject in range(1, 9)
        for trial in range(1, 5)
    )
    return tuple(name for name in names if name not in _REMOVED)


def find_utdmhad(source: str | os.PathLike, modality: str) -> dict[str, ArchiveFile]:
    """Find the files of a modality by sample name, unpacked or still packed, in order.

    The source holds ``Skeleton/`` or ``Skeleton.zip``, ``Depth/`` or ``Depth.zip``, ``RGB/`` or
    ``RGB.zip`` or ``RGB-part*.zip``; a FileNotFoundError if the modality is absent.
    """
    return _sort_members(source, modality)[0]


def read_utdmhad_skeleton(member: ArchiveFile) -> np.ndarray:
    """Read a ``*_skeleton.mat``: (M=1, T, V=20, C=3) float32 in metres, layout ``kinect_v1``.

    x points to the performer's right, y up, z away from the sensor, which is the origin.

    For errors see :func:`read_matlab_skeleton`.
    """
    return as_float32(read_matlab_skeleton(member, 'd_skel'))[None, :, _TO_KINECT_V1]


def convert_utdmhad(
    source: str | os.PathLike,
    out: str | os.PathLike,
    **options: Unpack[ConversionOptions],
) -> ConversionReport:
    """Convert the skeletons of UTD-MHAD, see :func:`find_utdmhad`.

    Protocol of the data set's authors: odd subjects train (``xsub_train``, 431 sequences),
    even subjects test (``xsub_test``, 430). A FileNotFoundError if the source holds no skeletons.
    """
    members, ignored = _sort_members(source, 'Skeleton')
    if not members:
        raise FileNotFoundError(f'no file a*_s*_t*_skeleton.mat in {source}')
    missing = tuple(name for name in utdmhad_names() if name not in members)
    labels = {name: int(name.split('_')[0][1:]) - 1 for name in members}
    return Conversion(
        out=Path(out),
        items=[SampleInfo(name, labels[name], member) for name, member in members.items()],
        read=read_utdmhad_skeleton,
        layout='kinect_v1',
        classes=UTDMHAD_CLASSES,
        splits=_subject_splits(members),
        metadata={'dataset': 'UTD-MHAD', 'unit': 'metre', 'missing': list(missing)},
        **options,
    ).run(missing=missing, ignored=ignored)


_FILES = {
    'Skeleton': ('.mat', re.compile(r'(a\d+_s\d+_t\d+)_skeleton\.mat')),
    'Depth': ('.mat', re.compile(r'(a\d+_s\d+_t\d+)_depth\.mat')),
    'RGB': ('.avi', re.compile(r'(a\d+_s\d+_t\d+)_color\.avi')),
}


def _sort_members(
    source: str | os.PathLike, modality: str
) -> tuple[dict[str, ArchiveFile], tuple[str, ...]]:
    if modality not in _FILES:
        raise ValueError(f'unknown modality {modality!r}, expected one of {list(_FILES)}')
    suffix, pattern = _FILES[modality]
    known, ignored = {}, []
    expected = set(utdmhad_names())
    for file_name, member in find_members(source, modality, suffix).items():
        match = pattern.fullmatch(file_name)
        if match and match[1] in expected:
            known[match[1]] = member
        else:
            ignored.append(file_name)
    return {name: known[name] for name in utdmhad_names() if name in known}, tuple(ignored)


def _subject_splits(names: Iterable[str]) -> dict[str, list[str]]:
    splits: dict[str, list[str]] = {'xsub_train': [], 'xsub_test': []}
    for name in names:
        subject = int(name.split('_')[1][1:])
        splits['xsub_train' if subject % 2 else 'xsub_test'].append(name)
    return splits
