"""Skeletons of one's own, a file per sample, to an annotation store."""

import os
import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Unpack

import numpy as np

from mmcl_ext.datasets.converters.conversion import (
    Conversion,
    ConversionOptions,
    ConversionReport,
    SampleInfo,
)
from mmcl_ext.datasets.converters.pose_formats import join_frames
from mmcl_ext.datasets.converters.pose_results import read_pose_results
from mmcl_ext.datasets.metainfo.subjects import held_subjects, subjects_of
from mmcl_ext.datasets.store.name_table import numbered_classes
from mmcl_ext.datasets.store.skeleton_array import skeleton_array
from mmcl_ext.fileio.archive_file import ArchiveFile, find_files
from mmcl_ext.fileio.as_float32 import as_float32
from mmcl_ext.fileio.csv_table import Rows, read_table, real_number, whole_number
from mmcl_ext.fileio.name_file import DAMAGE, name_file, names_file
from mmcl_ext.fileio.printable import bounded_repr, counted
from mmcl_ext.fileio.read_npy import read_npy
from mmcl_ext.graphs.layout import Layout
from mmcl_ext.graphs.layouts import get_layout, load_layout

_SUFFIXES = ('.npy', '.csv', '.json')
_AXES = ('x', 'y', 'z')
_NUMBER = re.compile(r'[-+]?\d+(\.\d*)?')


@dataclass(frozen=True)
class CustomReader:
    """Reads a sample from a ``.npy``, ``.csv`` or ``.json`` file.

    ``.npy``: (T, V, C) or (M, T, V, C). ``.csv``: a line per joint with the columns
    ``frame``, ``joint`` (number from 0, or its name), ``x``, ``y`` and, as wanted, ``z``,
    ``person`` (any number from 0, such as a tracker's; the smallest comes first) and
    ``score``. Joints without a line are zero. ``.json``: poses as
    MMPose, OpenPose (a file for each frame), MediaPipe or Ultralytics write them, see
    :func:`~mmcl_ext.datasets.converters.pose_results.read_pose_frames`. The ``axes`` of a
    four-dimensional ``.npy`` are in the order ``'MTVC'``, or ``'CTVM'`` as the feeders of ST-GCN
    and CTR-GCN have it; None refuses what is likely the latter.
    """

    layout: str
    axes: str | None = None

    @names_file
    def __call__(self, member: ArchiveFile) -> dict[str, np.ndarray]:
        """Read ``keypoint`` (M, T, V, C) and, with scores, ``keypoint_score`` (M, T, V).

        A ValueError names the file, and the line of a table.
        """
        ending = PurePosixPath(member.name).suffix.lower()
        if ending == '.csv':
            return _Table(member, get_layout(self.layout)).arrays()
        if ending == '.json':
            return read_pose_results(member, get_layout(self.layout).num_joints)
        return dict(keypoint=self._read_array(member))

    def _read_array(self, member: ArchiveFile) -> np.ndarray:
        num_joints = get_layout(self.layout).num_joints
        given = read_npy(member)
        array = skeleton_array(given, self.axes)
        if array.shape[2] != num_joints:
            raise ValueError(
                f'{member}: expected (T, V, C) or (M, T, V, C) with the V = {num_joints} joints of '
                f'layout {self.layout!r}, got {given.shape}'
            )
        return array


class _Table:
    """A table with a line per joint."""

    def __init__(self, member: ArchiveFile, layout: Layout) -> None:
        self._member = member
        self._joints = {name: i for i, name in enumerate(layout.joint_names)}
        self._joints |= {str(i): i for i in range(layout.num_joints)}
        self._num_joints = layout.num_joints
        columns, rows = read_table(member, ('frame', 'joint', 'x', 'y'))
        self._axes = [axis for axis in _AXES if axis in columns]
        self._scored = 'score' in columns
        self._cells = self._read(rows)

    def _read(self, rows: Rows) -> dict[tuple[int, int, int], list[float]]:
        """Read the lines: values by person, frame and joint."""
        cells: dict[tuple[int, int, int], list[float]] = {}
        fields = [*self._axes, 'score'] if self._scored else self._axes
        for where, row in rows:
            with name_file(where, DAMAGE):
                place = self._place(row)
                if place in cells:
                    raise ValueError('this joint of this frame stands there already')
                cells[place] = [real_number(row[field]) for field in fields]
        if not cells:
            raise ValueError(f'{self._member}: no joints')
        return cells

    def _place(self, row: Mapping[str, str]) -> tuple[int, int, int]:
        person, frame = whole_number(row.get('person') or '0'), whole_number(row['frame'])
        if person < 0 or frame < 0:
            raise ValueError(f'person {person} and frame {frame} count from 0')
        joint = row['joint']
        if joint not in self._joints:
            raise ValueError(f'unknown joint {bounded_repr(joint)}')
        return person, frame, self._joints[joint]

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the dense arrays."""
        numbers, persons = np.unique([place[0] for place in self._cells], return_inverse=True)
        frames = max(place[1] for place in self._cells) + 1
        if len(numbers) * frames > 100 * len(self._cells):  # a typo, not a table
            raise ValueError(
                f'{self._member}: {counted(frames, "frame")}, but only '
                f'{counted(len(self._cells), "line")}'
            )
        width = len(self._axes) + self._scored
        dense = np.zeros((len(numbers), frames, self._num_joints, width), np.float32)
        _, times, joints = np.array(list(self._cells)).T
        dense[persons, times, joints] = as_float32(list(self._cells.values()))
        if not self._scored:
            return dict(keypoint=dense)
        return dict(keypoint=dense[..., :-1], keypoint_score=dense[..., -1])


def convert_custom(
    source: str | os.PathLike,
    out: str | os.PathLike,
    *,
    layout: str | os.PathLike,
    labels: str | os.PathLike | None = None,
    classes: Sequence[str] | None = None,
    axes: str | None = None,
    subject_pattern: str | None = None,
    fraction: float | None = None,
    **options: Unpack[ConversionOptions],
) -> ConversionReport:
    """Convert skeletons of any layout (:func:`load_layout`), a file per sample.

    The label file, by default ``labels.csv`` in the source, is a table (CSV) with the columns
    ``name`` (of the sample: its file without its ending), ``label`` (number from 0, or the name of
    a class) and, as wanted, ``split`` (names of its splits with ``;`` in between). Without
    ``classes`` these are the names in the label file, sorted, or ``class0``, ``class1``, ...

    With ``subject_pattern``, the first group of which is the subject in a sample's whole name,
    the splits ``xsub_train`` and ``xsub_test`` are added: whole subjects are tested on, so many
    that their share of the samples comes nearest to ``fraction``, 0.25 by default. A
    ValueError names the malformed file, and the line of a table.
    """
    layout_name = load_layout(layout)
    path = Path(labels) if labels is not None else Path(source) / 'labels.csv'
    table = read_labels(path)
    classes = tuple(classes or guess_classes(path, table))
    members = _find_samples(source)
    for file in {path.name.removesuffix('.csv'), 'labels'} - set(table):
        members.pop(file, None)
    missing = [name for name in table if name not in members]
    ignored = [name for name in members if name not in table]
    _check_spelling(path, missing, ignored)
    items, splits = label_samples(path, table, members, classes)
    if not items:
        raise FileNotFoundError(f'{source} holds none of the samples named in {path}')
    notes = []
    if subject_pattern is not None:
        names = [item.name for item in items]
        parts, tested = _split_subjects(
            names, subject_pattern, 0.25 if fraction is None else fraction
        )
        splits |= parts
        notes.append(f'subjects tested on: {", ".join(tested)}')
    elif fraction is not None:
        raise ValueError('--fraction goes with --subject-pattern')
    return Conversion(
        out=Path(out),
        items=items,
        read=CustomReader(layout_name, axes),
        layout=layout_name,
        classes=classes,
        splits=splits,
        metadata=dict(dataset='custom', layout=repr(get_layout(layout_name)), axes=axes),
        **options,
    ).run(
        missing=missing,
        ignored=[members[name].name for name in ignored],
        notes=notes,
    )


def _split_subjects(
    names: Sequence[str], pattern: str, fraction: float
) -> tuple[dict[str, list[str]], list[str]]:
    """Divide the names of samples by their subjects; list the subjects of the test."""
    subjects = subjects_of(names, pattern)
    held = held_subjects(subjects, fraction).tolist()
    parts: dict[str, list[str]] = {'xsub_train': [], 'xsub_test': []}
    for name, is_tested in zip(names, held, strict=True):
        parts['xsub_test' if is_tested else 'xsub_train'].append(name)
    return parts, sorted({s for s, is_tested in zip(subjects, held, strict=True) if is_tested})


def _find_samples(source: str | os.PathLike) -> dict[str, ArchiveFile]:
    members: dict[str, ArchiveFile] = {}
    for suffix in _SUFFIXES:
        for file_name, member in join_frames(find_files(source, suffix)).items():
            name = file_name.removesuffix(suffix)
            if name in members and suffix == '.json':
                continue  # says something about the sample, is not its skeleton
            if name in members:
                raise ValueError(f'sample {name} comes twice: {members[name]} and {member}')
            members[name] = member
    return members


@names_file
def read_labels(path: Path) -> dict[str, dict[str, str]]:
    """Read the label file: the columns by sample name."""
    table: dict[str, dict[str, str]] = {}
    if not path.is_file():
        raise FileNotFoundError(
            f'there is no table of labels {path}: make it, or give --labels FILE'
        )
    for where, row in read_table(path, ('name', 'label'))[1]:
        name, label = row['name'], row['label']
        if not name or not label or name in table:
            problem = 'comes twice' if name in table else 'needs a name and a label'
            raise ValueError(f'{where}: sample {bounded_repr(name)} {problem}')
        splits = [split for split in map(str.strip, row.get('split', '').split(';')) if split]
        table[name] = dict(label=label, split=';'.join(splits))
        if len(set(splits)) != len(splits):
            raise ValueError(f'{where}: sample {bounded_repr(name)} is in a split twice')
    found = {split for row in table.values() for split in row['split'].split(';')}
    _check_alike(path, 'split', found)
    return table


def _check_alike(path: Path, what: str, names: Collection[str]) -> None:
    """Refuse names that only capitals or the form of Unicode tell apart."""
    known: dict[str, str] = {}
    for name in sorted(names):
        other = known.setdefault(unicodedata.normalize('NFC', name).casefold(), name)
        if other != name:
            raise ValueError(
                f'{path}: the {what} {bounded_repr(name)} and the {what} {bounded_repr(other)} '
                'differ in capitals or in their form of Unicode alone: write both in one way'
            )


def _check_spelling(path: Path, missing: Sequence[str], ignored: Sequence[str]) -> None:
    """Refuse a sample without a file where one differs by folder, ending, capitals or Unicode."""
    files = {_plain(name): name for name in ignored}
    for name in missing:
        if other := files.get(_plain(name)):
            raise ValueError(
                f'{path}: sample {bounded_repr(name)} has no file, but there is one for '
                f'{bounded_repr(other)}: names are those of the files, without folder and ending'
            )


def _plain(name: str) -> str:
    stem = PurePosixPath(name.replace('\\', '/')).name
    stem = unicodedata.normalize('NFC', stem).casefold()
    for suffix in _SUFFIXES:
        stem = stem.removesuffix(suffix)
    return stem


@names_file
def guess_classes(path: Path, table: Mapping[str, Mapping[str, str]]) -> Sequence[str]:
    """Name the classes of a table: its labels, or numbers."""
    labels = {row['label'] for row in table.values()}
    names = {label for label in labels if not _NUMBER.fullmatch(label)}
    _check_alike(path, 'class', names)
    if names and names != labels:
        raise ValueError(
            f'the labels are numbers ({min(labels - names)!r}) and names ({min(names)!r}): use one '
            'kind, or give the names by --classes FILE'
        )
    if names:
        return sorted(names)
    if odd := [label for label in labels if not label.isdecimal()]:
        raise ValueError(f'{path}: label {min(odd)} is no whole number from 0')
    return numbered_classes(max(map(int, labels), default=-1))


@names_file
def label_samples(
    path: Path,
    table: Mapping[str, Mapping[str, str]],
    files: Mapping[str, ArchiveFile],
    classes: Sequence[str],
) -> tuple[list[SampleInfo], dict[str, list[str]]]:
    """Label the samples of a table that have a file, in its order; list the names by split."""
    items, splits = [], dict[str, list[str]]()
    for name, row in table.items():
        if name in files:
            items.append(SampleInfo(name, label_of(path, name, row, classes), files[name]))
            for split in filter(None, map(str.strip, row['split'].split(';'))):
                splits.setdefault(split, []).append(name)
    return items, splits


def label_of(path: Path, name: str, row: Mapping[str, str], classes: Sequence[str]) -> int:
    """Number the class of a row of the table."""
    number = int(row['label']) if row['label'].isdecimal() else None
    if row['label'] in classes:
        index = classes.index(row['label'])
        if number is not None and number < len(classes) and number != index:
            raise ValueError(f'{path}: label {number} is the name of class {index}, and a number')
        return index
    if number is not None and number < len(classes):
        return number
    raise ValueError(
        f'{path}: sample {name!r}: label {row["label"]!r} is none of the {len(classes)} classes'
    )
