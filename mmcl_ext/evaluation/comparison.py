"""Comparison of two runs on the same samples."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy.stats import binomtest

from mmcl_ext.evaluation.accuracy import Estimate, class_accuracies, confusion_matrix, difference
from mmcl_ext.evaluation.scores import Scores, to_probabilities


class ClassGain(NamedTuple):
    """Accuracy of one class in both runs, a share from 0 to 1."""

    label: int
    num_samples: int
    first: float
    second: float

    @property
    def gain(self) -> float:
        """Accuracy of the second run minus that of the first."""
        return self.second - self.first


class ConfusedPair(NamedTuple):
    """Samples of one class that are taken for another."""

    label: int
    predicted: int
    num_samples: int
    share: float
    """Of the samples of the true class."""


class ChangedSample(NamedTuple):
    """A sample that one run has right and the other wrong."""

    name: str
    label: int
    predicted: tuple[int, int]
    probability: tuple[float, float]
    """Of the true class, in both runs."""

    @property
    def is_improved(self) -> bool:
        """Whether the second run has it right."""
        return self.predicted[1] == self.label


@dataclass(frozen=True)
class Comparison:
    """Two runs, sample by sample; the second may hold the samples in another order.

    A ValueError if the samples, labels or numbers of classes differ.
    """

    first: Scores
    second: Scores

    def __post_init__(self) -> None:
        # A frozen dataclass is set in this way; both runs have one order from here on.
        object.__setattr__(self, 'second', self.second.aligned_to(self.first))

    @property
    def runs(self) -> tuple[Scores, Scores]:
        """Both runs."""
        return self.first, self.second

    @cached_property
    def hits(self) -> np.ndarray:
        """Which samples each run has right: (N, 2) bool."""
        return np.stack([run.hits for run in self.runs], axis=1)

    @cached_property
    def confusions(self) -> tuple[np.ndarray, np.ndarray]:
        """Confusion matrices (K, K) of both runs; row: true class."""
        first, second = (
            confusion_matrix(run.predictions, run.labels, run.num_classes) for run in self.runs
        )
        return first, second

    @cached_property
    def class_gains(self) -> list[ClassGain]:
        """Every class that has samples, from the largest gain to the largest loss."""
        labels, num_classes = self.first.labels, self.first.num_classes
        counts = np.bincount(labels, minlength=num_classes).tolist()
        first, second = (
            class_accuracies(hits, labels, num_classes).tolist() for hits in self.hits.T
        )
        gains = [ClassGain(k, counts[k], first[k], second[k]) for k in range(num_classes)]
        return sorted((gain for gain in gains if gain.num_samples), key=lambda g: -g.gain)

    @cached_property
    def changed(self) -> list[ChangedSample]:
        """Samples that changed sides, the largest change of the true class's probability first."""
        labels = self.first.labels[:, None]
        probability = [
            np.take_along_axis(to_probabilities(run), labels, axis=1)[:, 0] for run in self.runs
        ]
        found = [
            ChangedSample(
                self.first.names[i],
                int(self.first.labels[i]),
                (int(self.first.predictions[i]), int(self.second.predictions[i])),
                (float(probability[0][i]), float(probability[1][i])),
            )
            for i in np.flatnonzero(self.hits[:, 0] != self.hits[:, 1]).tolist()
        ]
        return sorted(found, key=lambda s: (-abs(s.probability[1] - s.probability[0]), s.name))

    @property
    def num_improved(self) -> int:
        """Samples that only the second run has right."""
        return sum(sample.is_improved for sample in self.changed)

    @property
    def num_worsened(self) -> int:
        """Samples that only the first run has right."""
        return len(self.changed) - self.num_improved

    @property
    def p_value(self) -> float:
        """Two-sided p of McNemar's exact test, see :func:`mcnemar`."""
        return mcnemar(self.num_improved, self.num_worsened)

    def gain(self, *, resamples: int = 10_000, seed: int = 0) -> Estimate:
        """Return the gain in top-1 accuracy, by the paired bootstrap."""
        return difference(self.first, self.second, resamples=resamples, seed=seed)


def mcnemar(improved: int, worsened: int) -> float:
    """Return the two-sided p of McNemar's exact test (Biometrika 1947), 1 when nothing changed.

    When neither run is better, each sample that changed improves with probability one half.
    """
    changed = improved + worsened
    return float(binomtest(improved, changed, 0.5).pvalue) if changed else 1.0


def confused_pairs(confusion: np.ndarray) -> list[ConfusedPair]:
    """List the confusions in counts (K, K), row: true class, from the most frequent on."""
    totals = confusion.sum(axis=1)
    rows, columns = np.nonzero(confusion * ~np.eye(len(confusion), dtype=bool))
    pairs = [
        ConfusedPair(k, j, int(confusion[k, j]), float(confusion[k, j] / totals[k]))
        for k, j in zip(rows.tolist(), columns.tolist(), strict=True)
    ]
    return sorted(
        pairs, key=lambda pair: (-pair.num_samples, -pair.share, pair.label, pair.predicted)
    )
