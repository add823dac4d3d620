"""Check the skeletons of an annotation store."""

from collections.abc import Iterator
from hashlib import blake2b
from itertools import permutations
from typing import NamedTuple

import numpy as np
from mmengine.utils import track_iter_progress

from mmcl_ext.datasets.store import SkeletonStore
from mmcl_ext.datasets.transforms.geometry import real_frames
from mmcl_ext.datasets.validation.data_issue import DataIssue, collect, groups_of_equals

_TRAIN, _HELD_OUT = 'train', ('val', 'test')


class _Sample(NamedTuple):
    """What one reading of a sample tells."""

    frames: int
    absent_joints: bool
    digest: bytes


def check_store(store: SkeletonStore, progress: bool = False) -> list[DataIssue]:
    """Read every sample and list what is missing, empty, NaN or doubled.

    - missing: a class without training samples, a split without samples, a joint that is
      zero in every frame of a person who is there.
    - empty: a sample with nobody in it; frames with nobody, which training and prediction
      leave out.
    - NaN: coordinates that are not finite.
    - doubled: samples with the same coordinates, and samples that a training split shares
      with the validation or test split of the same protocol, by name or by coordinates.

    Args:
        store: The store.
        progress: Show a progress bar.
    """
    indices = range(len(store))
    tracked = track_iter_progress((indices, len(store))) if progress else indices
    samples = [_look_at(store.keypoint(i)) for i in tracked]
    names = list(store.names)
    lost = [names[i] for i in indices if samples[i].absent_joints]
    empty = [names[i] for i in indices if not samples[i].frames]
    digests = [sample.digest if sample.frames else None for sample in samples]
    return [
        *_check_splits(store),
        *collect('empty', 'nobody is in the sample', empty),
        *_check_absent(store, samples),
        *collect('missing', 'a joint is zero in all frames of a person', lost),
        *_check_finite(store, names),
        *collect('doubled', 'same coordinates', groups_of_equals(names, digests)),
        *_check_copies(store, digests),
    ]


def _look_at(keypoint: np.ndarray) -> _Sample:
    joints = np.any(keypoint, axis=(1, 3))  # (M, V)
    real = real_frames(keypoint)  # (M, T)
    there = np.any(real, axis=1)  # (M,)
    lost = ~joints & there[:, None]
    digest = blake2b(repr(keypoint.shape).encode(), digest_size=16)
    digest.update(keypoint.data)
    frames = int(real.any(axis=0).sum())
    return _Sample(frames, bool(lost.any()), digest.digest())


def _check_absent(store: SkeletonStore, samples: list[_Sample]) -> list[DataIssue]:
    found = [
        f'{store.names[i]} ({total - sample.frames} of {total})'
        for i, (sample, total) in enumerate(zip(samples, store.num_frames, strict=True))
        if 0 < sample.frames < total
    ]
    return collect('empty', 'frames with nobody, which are left out', found)


def _check_finite(store: SkeletonStore, names: list[str]) -> list[DataIssue]:
    counts = store.num_nonfinite
    found = [f'{names[i]} ({counts[i]} values)' for i in np.flatnonzero(counts).tolist()]
    return collect('NaN', 'coordinates are not finite', found)


def _check_splits(store: SkeletonStore) -> list[DataIssue]:
    splits = store.splits
    findings = collect('empty', 'splits without samples', [s for s in splits if not len(splits[s])])
    for name in splits:
        if name.endswith(_TRAIN) and len(splits[name]):
            trained = set(store.labels[splits[name]].tolist())
            absent = [title for k, title in enumerate(store.classes) if k not in trained]
            findings += collect('missing', f'classes without samples in split {name!r}', absent)
    for train, held_out in _protocols(store):
        shared = np.intersect1d(splits[train], splits[held_out]).tolist()
        problem = f'in both splits {train!r} and {held_out!r}'
        findings += collect('doubled', problem, [store.names[i] for i in shared])
    return findings


def _check_copies(store: SkeletonStore, digests: list[bytes | None]) -> list[DataIssue]:
    """Find held-out samples whose coordinates have been trained on under another name."""
    findings = []
    for train, held_out in _protocols(store):
        trained = {digests[i]: i for i in store.splits[train].tolist()}
        copies = [
            store.names[i]
            for i in store.splits[held_out].tolist()
            if digests[i] is not None and trained.get(digests[i], i) != i
        ]
        problem = f'in {held_out!r} with the coordinates of a sample in {train!r}'
        findings += collect('doubled', problem, copies)
    return findings


def _protocols(store: SkeletonStore) -> Iterator[tuple[str, str]]:
    """List the pairs of splits that are the training and a held-out half of one protocol."""
    for train, held_out in permutations(store.splits, 2):
        protocol = train.removesuffix(_TRAIN)
        if train.endswith(_TRAIN) and held_out in {protocol + end for end in _HELD_OUT}:
            yield train, held_out
