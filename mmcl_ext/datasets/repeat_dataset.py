"""Several passes over a data set within one epoch."""

from typing import Any

from mmengine.dataset import RepeatDataset as _RepeatDataset

from mmcl_ext.datasets.skeleton_dataset import SkeletonDataset
from mmcl_ext.registry import DATASETS


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
