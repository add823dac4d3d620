import os
from collections.abc import Iterable

import numpy as np

from mmcl_ext.datasets.store.feature_file import FeatureFile
from mmcl_ext.mmcl.transforms.base import SideDataTransform
from mmcl_ext.registry import TRANSFORMS


class FeatureTransform(SideDataTransform):
    """Base of the transforms that read a feature file, opened on first use in each process."""

    def __init__(self, file: str | os.PathLike) -> None:
        self.file = os.fspath(file)
        self._features: FeatureFile | None = None

    @property
    def source(self) -> str:
        """Path of the feature file."""
        return self.file

    @property
    def features(self) -> FeatureFile:
        """The opened file."""
        if self._features is None:
            self._features = FeatureFile(self.file)
        return self._features

    def load(self, sample_name: str) -> np.ndarray:
        """Read the feature (D,), float32, of a sample; a KeyError names file and sample."""
        return self.features.read(sample_name).reshape(-1)

    def missing(self, sample_names: Iterable[str]) -> list[str]:
        """Tell which samples the file does not have."""
        if not os.path.isfile(self.file):
            return list(sample_names)
        return [name for name in sample_names if name not in self.features]


@TRANSFORMS.register_module()
class LoadTextFeature(FeatureTransform):
    """Load the text feature of a sample into ``results['text']``, float32 (D,)."""

    key = 'text'
