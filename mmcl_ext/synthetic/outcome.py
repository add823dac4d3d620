"""Result of a test."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import softmax


@dataclass(frozen=True)
class Outcome:
    """What a model has achieved on a test split.

    Args:
        deployed_parameters: Number of parameters of the model that was tested.
        training_parameters: Number of those that only its training needed.
        names: N sample names.
        labels: N true classes.
        scores: N rows of K class scores (logits).
    """

    deployed_parameters: int
    training_parameters: int
    names: tuple[str, ...]
    labels: tuple[int, ...]
    scores: tuple[tuple[float, ...], ...]

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> 'Outcome':
        """Read what ``dataclasses.asdict`` and JSON have written."""
        return cls(
            deployed_parameters=fields['deployed_parameters'],
            training_parameters=fields['training_parameters'],
            names=tuple(fields['names']),
            labels=tuple(fields['labels']),
            scores=tuple(map(tuple, fields['scores'])),
        )

    @property
    def top1(self) -> float:
        """Share of the samples whose highest score is that of the true class."""
        return float(self._hits.mean())

    @property
    def mean_class_accuracy(self) -> float:
        """Mean over the classes of the share of their samples that are right."""
        labels = np.array(self.labels)
        return float(np.mean([self._hits[labels == k].mean() for k in np.unique(labels)]))

    def accuracy_on(self, classes: Sequence[int]) -> float:
        """Share of the samples of some classes that are right."""
        return float(self._hits[np.isin(self.labels, classes)].mean())

    def probabilities_of(self, name: str) -> np.ndarray:
        """(K,) class probabilities of a sample: the softmax of its scores.

        Raises:
            ValueError: If the sample was not in the test.
        """
        probabilities: np.ndarray = softmax(self.scores[self.names.index(name)])
        return probabilities

    @property
    def _hits(self) -> np.ndarray:
        return np.argmax(self.scores, axis=1) == np.array(self.labels)
