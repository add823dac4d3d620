from abc import abstractmethod
from collections.abc import Iterable
from typing import Any

import numpy as np

from mmcl_ext.datasets.transforms.geometry import PrintableTransform


class SideDataTransform(PrintableTransform):
    """Base of the transforms that bring in what lies beside the skeleton of a named sample."""

    key: str
    """Key of ``results`` that is written: ``'image'`` or ``'text'``."""

    @property
    @abstractmethod
    def source(self) -> str:
        """Where the data come from, for messages."""

    @abstractmethod
    def load(self, sample_name: str) -> np.ndarray:
        """Read the data of a sample."""

    @abstractmethod
    def missing(self, sample_names: Iterable[str]) -> list[str]:
        """Tell which samples have no data, without reading the data."""

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Add the sample's data to the results."""
        results[self.key] = self.load(results['sample_name'])
        return results
