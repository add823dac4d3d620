import os
from pathlib import Path

import numpy as np

from mmcl_ext.datasets.store import SkeletonStore
from mmcl_ext.datasets.store.name_table import split_positions
from mmcl_ext.inference.skeleton_clip import SkeletonClip

ALL_SPLITS = 'all'
"""What stands for the whole store among its splits."""


class StoreClips:
    """The samples of an annotation store, by split and class; safe under threads."""

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = Path(path)
        self.store = SkeletonStore(path)
        labels = range(int(self.store.labels.max(initial=-1)) + 1)
        names = self.store.classes
        self._class_names = [names[i] if i < len(names) else f'class {i}' for i in labels]

    @property
    def title(self) -> str:
        """What to call the store."""
        return self.path.stem

    def splits(self) -> list[str]:
        """Return the names of the splits: first those to test on, last the whole store."""
        tests = [name for name in self.store.splits if 'train' not in name]
        return [*sorted(tests), *sorted(set(self.store.splits) - set(tests)), ALL_SPLITS]

    def classes(self, split: str) -> list[str]:
        """Return the names of the classes that occur in a split, in the order of the labels."""
        labels = np.unique(self.store.labels[self._positions(split)]).tolist()
        return [self._class_names[label] for label in labels]

    def names(self, split: str, class_name: str) -> list[str]:
        """Return the names of the samples of a class in a split."""
        if class_name not in self._class_names:
            raise ValueError(f'{self.title} has no class {class_name!r}')
        positions = self._positions(split)
        wanted = self.store.labels[positions] == self._class_names.index(class_name)
        return [self.store.names[i] for i in positions[wanted].tolist()]

    def read(self, name: str) -> tuple[SkeletonClip, str | None]:
        """Read a sample; return it and the name of its class."""
        try:
            index = self.store.names.index(name)
        except ValueError:
            raise ValueError(f'{self.title} has no sample {name!r}') from None
        clip = SkeletonClip.from_store(self.store, index)
        return clip, None if clip.label is None else self._class_names[clip.label]

    def _positions(self, split: str) -> np.ndarray:
        if split == ALL_SPLITS:
            return np.arange(len(self.store))
        # The page shows the message: the title tells nothing about this machine's folders.
        return split_positions(self.title, self.store.splits, split)
