import os
from collections.abc import Iterable

import numpy as np

from mmcl_ext.datasets.store.feature_file import FeatureFile
from mmcl_ext.mmcl.transforms.base import SideDataTransform


class FeatureTransform(SideDataTransform):
    """Base of the transforms that read a feature file.

    The file is opened on first use, once per process; a FileNotFoundError or ValueError then tells
    that it is missing or no feature file.

    Args:
        file: Feature file (see :mod:`mmcl_ext.datasets.store.feature_file`).
    """

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
        """Read the feature (D,), float32, of a sample.

        Raises:
            KeyError: The file has no such sample; names file and sample.
        """
        return self.features.read(sample_name).reshape(-1)

    def missing(self, sample_names: Iterable[str]) -> list[str]:
        """Tell which samples the file does not have."""
        if not os.path.isfile(self.file):
            return list(sample_names)
        return [name for name in sample_names if name not in self.features]
