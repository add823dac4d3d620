"""Data sets of skeleton sequences."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.dataset import BaseDataset, force_full_init
from mmengine.dataset import RepeatDataset as _RepeatDataset

from mmcl_ext.datasets.present_persons import choose_persons, person_limit
from mmcl_ext.datasets.seeding import seeded
from mmcl_ext.datasets.store import SkeletonStore
from mmcl_ext.datasets.store.annotation_pickle import AnnotationPickle, open_annotation
from mmcl_ext.graphs.layouts import get_layout, load_layout
from mmcl_ext.registry import DATASETS


@DATASETS.register_module()
class SkeletonDataset(BaseDataset):
    """Skeleton sequences of one split of an annotation file.

    An item enters the pipeline as a dict with ``keypoint`` (float32, (M, T, V, C)),
    ``label``, ``sample_name``, ``total_frames`` (T), ``num_person`` (M), ``layout``,
    ``sample_idx`` and, where the file has it, ``keypoint_score`` (M, T, V). Frames with nobody
    and persons who never appear are left out, see :func:`choose_persons`.

    The pipeline runs with Python's, numpy's and torch's generators seeded by (seed, epoch, index),
    see :meth:`set_epoch`, and restored afterwards: an item does not depend on the number of workers
    nor on a resumed run's past. A FileNotFoundError if there is no such file; a ValueError if the
    file cannot be read, has no such split, or the split is empty.

    Args:
        ann_file: Store written by :func:`mmcl_ext.datasets.store.write_store`, or a
            ``.pkl`` in the layout of MMAction2 and PYSKL.
        split: Name of the split; None takes every sample of the file.
        layout: Skeleton layout to use in place of the file's, with the same number of joints:
            see :func:`~mmcl_ext.graphs.layouts.load_layout`.
        kwargs: ``data_root``, ``metainfo``, ``indices``, ``lazy_init``, ``max_refetch`` and
            ``test_mode`` of MMEngine's ``BaseDataset``; in test mode each pass over the data draws
            the same, whatever the epoch.
    """

    _source: SkeletonStore | AnnotationPickle
    _fully_initialized: bool = False

    def __init__(
        self,
        ann_file: str,
        split: str | None,
        pipeline: Sequence[dict | Callable] = (),
        *,
        layout: str | Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        self.split = split
        self._layout = None if layout is None else load_layout(layout)
        self._positions = np.zeros(0, np.int64)
        # In shared memory, so that persistent workers see a new epoch.
        self._clock = torch.zeros(2, dtype=torch.int64).share_memory_()
        super().__init__(
            ann_file=str(ann_file),
            data_prefix={},
            filter_cfg=None,
            serialize_data=False,
            pipeline=list(pipeline),
            **kwargs,
        )

    def full_init(self) -> None:
        """Open the file and select the split."""
        if self._fully_initialized:
            return
        if not Path(self.ann_file).is_file():
            raise FileNotFoundError(
                f'annotation file {self.ann_file} does not exist; docs/data.md tells how to make it'
            )
        self._source = open_annotation(self.ann_file, self._layout)
        self._positions = self._select(self._source)
        if self._indices is not None:
            self._positions = self._subset(self._indices)
        layout = get_layout(self._layout or self._source.layout)
        self._layout = layout.name
        for key, value in dict(classes=self._source.classes, layout=layout.name).items():
            if value is not None:
                self._metainfo.setdefault(key, value)
        self._fully_initialized = True

    def _select(self, source: SkeletonStore | AnnotationPickle) -> np.ndarray:
        """Return the positions of the split's samples within the file."""
        if self.split is None:
            return np.arange(len(source), dtype=np.int64)
        positions = source.split(self.split)
        if len(positions) == 0:
            raise ValueError(f'split {self.split!r} of {self.ann_file} is empty')
        return positions

    def _subset(self, indices: int | Sequence[int]) -> np.ndarray:
        if isinstance(indices, int):
            return self._positions[:indices] if indices >= 0 else self._positions[indices:]
        return self._positions[np.asarray(indices, np.int64)]

    @property
    @force_full_init
    def annotation(self) -> SkeletonStore | AnnotationPickle:
        """The open file, with the samples of all splits."""
        return self._source

    @property
    @force_full_init
    def labels(self) -> np.ndarray:
        """Class of each item: int64, shape (len(self),)."""
        return self._source.labels[self._positions]

    @property
    @force_full_init
    def sample_names(self) -> list[str]:
        """Name of each item."""
        names = self._source.names
        return [names[i] for i in self._positions.tolist()]

    @property
    @force_full_init
    def num_nonfinite(self) -> np.ndarray:
        """NaN and infinite coordinates of each item: int64, shape (len(self),)."""
        return self._source.num_nonfinite[self._positions]

    @property
    @force_full_init
    def layout(self) -> str:
        """Name of the skeleton layout."""
        assert self._layout is not None
        return self._layout

    @force_full_init
    def __len__(self) -> int:
        return len(self._positions)

    @force_full_init
    def get_data_info(self, idx: int) -> dict[str, Any]:
        """Read one item as it enters the pipeline."""
        index = range(len(self._positions))[idx]
        position = self._positions.item(index)
        source = self._source
        keypoint = source.keypoint(position)
        info = dict(
            keypoint=keypoint,
            label=source.labels.item(position),
            sample_name=source.names[position],
            total_frames=keypoint.shape[1],
            num_person=keypoint.shape[0],
            layout=self._layout,
            sample_idx=index,
            modality='Pose',
            start_index=0,
        )
        score = source.keypoint_score(position)
        if score is not None:
            info['keypoint_score'] = score
        if isinstance(source, AnnotationPickle):
            info = source.extra(position) | info
        return choose_persons(info, person_limit(self.pipeline.transforms))

    def get_cat_ids(self, idx: int) -> list[int]:
        """Return the class of one item, as ``ClassBalancedDataset`` asks for it."""
        return [int(self.labels[idx])]

    def set_epoch(self, epoch: int, seed: int) -> None:
        """Set what the next items' random numbers are drawn from, in all workers at once."""
        self._clock[0], self._clock[1] = epoch, seed

    def prepare_data(self, idx: int, repetition: int = 0) -> Any:
        """Run the pipeline on one item with generators of its own.

        ``repetition`` counts the visits within one epoch, see :class:`RepeatDataset`; a
        :class:`~mmcl_ext.datasets.samplers.Visit` brings its own.
        """
        repetition = repetition or getattr(idx, 'repetition', 0)
        epoch, seed = self._clock.tolist()
        with seeded(seed, 0 if self.test_mode else epoch, idx % len(self), repetition):
            return super().prepare_data(idx)

    @force_full_init
    def get_subset_(self, indices: int | Sequence[int]) -> None:
        """Keep the given items only, see ``indices`` of the constructor."""
        self._positions = self._subset(indices)

    @force_full_init
    def get_subset(self, indices: int | Sequence[int]) -> 'SkeletonDataset':
        """Return a data set of the given items, with an epoch of its own."""
        subset = self._copy_without_annotation({})
        subset.get_subset_(indices)
        subset._clock.share_memory_()
        return subset


@DATASETS.register_module()
class RepeatDataset(_RepeatDataset):
    """MMEngine's wrapper, with augmentation that differs between the passes.

    Items of :class:`SkeletonDataset` are seeded by (seed, epoch, index); the wrapper
    of MMEngine would therefore give each item the same augmentation in every pass.
    """

    def __getitem__(self, idx: int) -> Any:
        if not self._fully_initialized:
            self.full_init()
        repetition, item = divmod(range(len(self))[idx], self._ori_len)
        if repetition and isinstance(self.dataset, SkeletonDataset):
            data = self.dataset.prepare_data(item, repetition)
            if data is not None:
                return data
        return self.dataset[item]
