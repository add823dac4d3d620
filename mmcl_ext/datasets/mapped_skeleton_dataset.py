"""A data set under the classes of another."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from mmengine.dataset import force_full_init

from mmcl_ext.datasets.class_map import ClassMap, class_names
from mmcl_ext.datasets.skeleton_dataset import SkeletonDataset
from mmcl_ext.fileio.printable import counted
from mmcl_ext.registry import DATASETS


@DATASETS.register_module()
class MappedSkeletonDataset(SkeletonDataset):
    """Sequences of a target data set for a network that was trained on a source.

    Sequences of excluded classes are left out and counted. ``label`` is a class of the
    source (the first of its row), ``target_label`` the class in the file. The meta
    information holds the ``class_map`` and ``excluded_samples``, the number of sequences
    left out by class, for :class:`mmcl_ext.evaluation.ZeroShotMetric`.

    Besides the arguments of :class:`SkeletonDataset` there is the ``class_map``, see
    :meth:`ClassMap.from_config`, and the data set that the network was trained on, or the names of
    its classes, see :func:`class_names`; without the same of the target, the names in the file are
    taken. A ValueError if the map does not fit the classes, or no sequence is left.
    """

    def __init__(
        self,
        ann_file: str,
        split: str | None,
        pipeline: Sequence[dict | Callable] = (),
        *,
        class_map: Mapping[str, Any],
        source_classes: str | Sequence[str],
        target_classes: str | Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        self._map_config = class_map
        self._source_classes = class_names(source_classes)
        self._target_classes = None if target_classes is None else class_names(target_classes)
        self._source_label = np.zeros(0, np.int64)
        super().__init__(ann_file, split, pipeline, **kwargs)

    def full_init(self) -> None:
        """Open the file, select the split and leave out what is excluded."""
        if self._fully_initialized:
            return
        super().full_init()
        names = self._target_classes or self._source.classes
        if names is None:
            raise ValueError(f'{self.ann_file} holds no class names: set target_classes')
        class_map = ClassMap.from_config(self._map_config, self._source_classes, names)
        rows = class_map.row_of_target
        first_source = class_map.source_of_row.argmax(axis=1)  # (R,)
        self._source_label = np.where(rows < 0, -1, first_source[rows])
        labels = self._source.labels[self._positions]
        if labels.max() >= len(names):
            raise ValueError(
                f'{self.ann_file} has label {labels.max()}, but '
                f'{counted(len(names), "class", "classes")}'
            )
        left_out = np.bincount(labels[rows[labels] < 0], minlength=len(names))
        self._positions = self._positions[rows[labels] >= 0]
        if len(self._positions) == 0:
            raise ValueError(f'{self.ann_file}: the class map excludes every sample')
        counts = {name: left_out.item(names.index(name)) for name in class_map.excluded}
        self._metainfo |= dict(
            classes=class_map.source_classes, class_map=class_map, excluded_samples=counts
        )

    @property
    @force_full_init
    def labels(self) -> np.ndarray:
        """Class of the source of each item: int64, shape (len(self),)."""
        return self._source_label[self._source.labels[self._positions]]

    @force_full_init
    def get_data_info(self, idx: int) -> dict[str, Any]:
        """Read one item as it enters the pipeline."""
        info = super().get_data_info(idx)
        info['target_label'] = info['label']
        info['label'] = self._source_label.item(info['label'])
        return info
