"""A store of some of the samples of another."""

import os
from collections.abc import Container
from typing import Any

from mmcl_ext.datasets.store.skeleton_store import SkeletonStore
from mmcl_ext.datasets.store.write_store import write_store


def write_subset(store: SkeletonStore, path: str | os.PathLike, names: Container[str]) -> None:
    """Write the named samples of a store, in its order, with their splits.

    Args:
        store: Where the samples are.
        path: Store to write; it appears only when it is complete.
        names: Names of the samples to keep; other names are ignored.
    """
    kept = [i for i, name in enumerate(store.names) if name in names]
    # What a pickle said of each sample; a single value holds for all of them.
    fields = {
        key: [values[i] for i in kept] if len(values) > 1 else values
        for key, values in (store.metadata.get('annotation_fields') or {}).items()
    }
    splits = {
        key: [store.names[i] for i in positions.tolist() if store.names[i] in names]
        for key, positions in store.splits.items()
    }
    write_store(
        path,
        (_sample(store, index) for index in kept),
        layout=store.layout,
        classes=store.classes,
        splits=splits,
        dtype=store.dtype.name,
        metadata=store.metadata | (dict(annotation_fields=fields) if fields else {}),
    )


def _sample(store: SkeletonStore, index: int) -> dict[str, Any]:
    label, score = int(store.labels[index]), store.keypoint_score(index)
    sample = dict(name=store.names[index], label=label, keypoint=store.keypoint(index))
    return sample if score is None else dict(sample, keypoint_score=score)
