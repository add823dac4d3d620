import os
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch

from mmcl_ext.datasets.store.annotation_pickle import open_annotation
from mmcl_ext.datasets.store.feature_file import FeatureFile
from mmcl_ext.fileio.printable import bounded_repr
from mmcl_ext.mmcl.shuffled_pairs import shuffled_pairs
from mmcl_ext.mmcl.transforms.base import SideDataTransform
from mmcl_ext.registry import TRANSFORMS


class _Scale(NamedTuple):
    mean: np.ndarray
    std: np.ndarray


class FeatureTransform(SideDataTransform):
    """Base of the transforms that read a feature file, opened on first use in each process.

    Args:
        allow_absent: Share, in [0, 1), of the samples that may lack a feature. Theirs is NaN, and
            the branch leaves them out of the loss that reads it.
        standardise: Bring every value to mean 0 and deviation 1 over the samples of the file,
            which then should be those of the training.
        shuffle: Give each sample the feature of another one, drawn once for all by the seed
            that the run began with: a control that destroys the pairing.
        shuffle_within: Annotation file that tells the classes: with ``shuffle``, the other sample
            is one of the same class, so that the feature still tells the class.
    """

    def __init__(
        self,
        file: str | os.PathLike,
        allow_absent: float = 0.0,
        standardise: bool = False,
        shuffle: bool = False,
        shuffle_within: str | os.PathLike | None = None,
    ) -> None:
        if shuffle_within is not None and not shuffle:
            raise ValueError('shuffle_within needs shuffle=True')
        if not 0 <= allow_absent < 1:
            raise ValueError(f'allow_absent must lie in [0, 1), got {allow_absent}')
        self.file = os.fspath(file)
        self._features: FeatureFile | None = None
        self.allow_absent, self.standardise, self.shuffle = allow_absent, standardise, shuffle
        self.shuffle_within = shuffle_within
        # Taken where the pipeline is built: the workers of a loader have seeds of their own.
        self._seed = torch.initial_seed()

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
        """Read the feature (D,), float32, of a sample or its chance partner; NaN for none.

        A KeyError names file and sample.
        """
        if self.allow_absent and sample_name not in self.features:
            return np.full(self.features.width, np.nan, np.float32)
        if self.shuffle:
            sample_name = self._partners.get(sample_name, sample_name)
        feature = self.features.read(sample_name).reshape(-1)
        return (feature - self._scale.mean) / self._scale.std if self.standardise else feature

    def missing(self, sample_names: Iterable[str]) -> list[str]:
        """Tell which samples the file does not have, if they are more than it may lack."""
        names = list(sample_names)
        if not os.path.isfile(self.file):
            return names
        missing = [name for name in names if name not in self.features]
        return missing if len(missing) > self.allow_absent * len(names) else []

    @cached_property
    def _partners(self) -> Mapping[str, str]:
        names = self.features.names
        random = np.random.default_rng(self._seed)
        within = self.shuffle_within
        classes = None if within is None else self._classes(within)
        order = shuffled_pairs(len(names), random, classes)
        return {name: names[other] for name, other in zip(names, order.tolist(), strict=True)}

    def _classes(self, file: str | os.PathLike) -> np.ndarray:
        annotation = open_annotation(file)
        labels = dict(zip(annotation.names, annotation.labels, strict=True))
        unknown = next((name for name in self.features.names if name not in labels), None)
        if unknown is not None:
            raise KeyError(f'{file}: no class of sample {bounded_repr(unknown)}')
        return np.array([labels[name] for name in self.features.names])

    @cached_property
    def _scale(self) -> _Scale:
        rows = np.stack([self.features.read(name).reshape(-1) for name in self.features.names])
        std = rows.std(axis=0, dtype=np.float64)
        std[std == 0] = 1
        mean = rows.mean(axis=0, dtype=np.float64)
        return _Scale(mean.astype(np.float32), std.astype(np.float32))


@TRANSFORMS.register_module()
class LoadImageFeature(FeatureTransform):
    """Load the cached image feature of a sample into ``results['image']``, float32 (F,).

    The co-learning branch then has ``image_encoder=None``. Arguments: :class:`FeatureTransform`.
    """

    key = 'image'


@TRANSFORMS.register_module()
class LoadTextFeature(FeatureTransform):
    """Load the text feature of a sample into ``results['text']``, float32 (D,).

    Arguments: :class:`FeatureTransform`.
    """

    key = 'text'
