"""Check the skeletons of an annotation store."""

from collections import Counter
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
from mmengine.utils import track_iter_progress

from mmcl_ext.datasets.store import SkeletonStore
from mmcl_ext.datasets.transforms.geometry import real_frames
from mmcl_ext.datasets.validation.body_measures import (
    BodyMeasure,
    check_measures,
    measure_body,
)
from mmcl_ext.datasets.validation.check_splits import check_splits, protocols
from mmcl_ext.datasets.validation.data_issue import DataIssue, collect, groups_of_equals
from mmcl_ext.datasets.validation.sentinels import check_sentinels, count_sentinels
from mmcl_ext.fileio.printable import counted
from mmcl_ext.graphs.layout import Layout
from mmcl_ext.graphs.layouts import get_layout


class _Sample(NamedTuple):
    """What one reading of a sample tells."""

    frames: int
    absent_joints: bool
    digest: bytes
    body: BodyMeasure
    sentinels: Counter[int]


def check_store(store: SkeletonStore, progress: bool = False) -> list[DataIssue]:
    """Read every sample and list what is wrong, or unlike the others.

    - missing, few: what :func:`check_splits` finds; a joint that is zero in every frame of a
      person who is there; joints whose coordinates are a mark, such as -1.
    - empty: a sample with nobody in it; frames with nobody, which training and prediction
      leave out.
    - NaN: coordinates that are not finite.
    - doubled: samples with the same coordinates, and samples that a training split shares
      with the validation or test split of the same protocol, by name or by coordinates.
    - scale, axes: what :func:`check_measures` finds.
    """
    indices = range(len(store))
    tracked = track_iter_progress((indices, len(store))) if progress else indices
    layout = get_layout(store.layout)
    samples = [_look_at(store.keypoint(i), layout) for i in tracked]
    names = list(store.names)
    lost = [names[i] for i in indices if samples[i].absent_joints]
    empty = [names[i] for i in indices if not samples[i].frames]
    digests = [sample.digest if sample.frames else None for sample in samples]
    return [
        *check_splits(store),
        *collect('empty', 'nobody is in the sample', empty),
        *_check_absent(store, samples),
        *collect('missing', 'a joint is zero in all frames of a person', lost),
        *check_sentinels({n: s.sentinels for n, s in zip(names, samples, strict=True)}),
        *_check_finite(store, names),
        *collect('doubled', 'same coordinates', groups_of_equals(names, digests)),
        *_check_copies(store, digests),
        *check_measures(names, [sample.body for sample in samples], store.num_channels),
    ]


def _look_at(keypoint: np.ndarray, layout: Layout) -> _Sample:
    joints = np.any(keypoint, axis=(1, 3))  # (M, V)
    real = real_frames(keypoint)  # (M, T)
    there = np.any(real, axis=1)  # (M,)
    lost = ~joints & there[:, None]
    digest = blake2b(repr(keypoint.shape).encode(), digest_size=16)
    digest.update(keypoint.data)
    frames = int(real.any(axis=0).sum())
    body = measure_body(keypoint, layout)
    return _Sample(frames, bool(lost.any()), digest.digest(), body, count_sentinels(keypoint))


def _check_absent(store: SkeletonStore, samples: list[_Sample]) -> list[DataIssue]:
    found = [
        f'{store.names[i]} ({total - sample.frames} of {total})'
        for i, (sample, total) in enumerate(zip(samples, store.num_frames, strict=True))
        if 0 < sample.frames < total
    ]
    return collect('empty', 'nobody is in some frames, which are left out', found)


def _check_finite(store: SkeletonStore, names: list[str]) -> list[DataIssue]:
    counts = store.num_nonfinite
    found = [f'{names[i]} ({counted(counts[i], "value")})' for i in np.flatnonzero(counts).tolist()]
    return collect('NaN', 'coordinates are not finite', found)


def _check_copies(store: SkeletonStore, digests: list[bytes | None]) -> list[DataIssue]:
    """Find held-out samples whose coordinates have been trained on under another name."""
    findings = []
    for train, held_out in protocols(store):
        trained = {digests[i]: i for i in store.splits[train].tolist()}
        copies = [
            store.names[i]
            for i in store.splits[held_out].tolist()
            if digests[i] is not None and trained.get(digests[i], i) != i
        ]
        problem = f'in {held_out!r} with the coordinates of a sample in {train!r}'
        findings += collect('doubled', problem, copies)
    return findings
