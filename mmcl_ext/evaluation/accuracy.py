"""Accuracies of class scores, and their confidence intervals by resampling the test samples."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from mmcl_ext.evaluation.scores import Scores


def label_ranks(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Count for scores (N, K) the classes that come before the true one: (N,) ranks from 0.

    Among equal scores the class with the lower number comes first, as with ``argmax``.
    """
    own = np.take_along_axis(values, labels[:, None], axis=1)
    earlier = np.arange(values.shape[1]) < labels[:, None]
    return ((values > own) | ((values == own) & earlier)).sum(axis=1)


def class_accuracies(hits: np.ndarray, labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Return the share of hits (N,) in each class: (K,), NaN for a class without samples."""
    counts = np.bincount(labels, minlength=num_classes)
    right = np.bincount(labels, weights=hits, minlength=num_classes)
    return np.divide(right, counts, out=np.full(num_classes, np.nan), where=counts > 0)


def mean_class_accuracy(hits: np.ndarray, labels: np.ndarray, num_classes: int) -> float:
    """Return the mean of the class accuracies over the classes that have samples."""
    return float(np.nanmean(class_accuracies(hits, labels, num_classes)))


def confusion_matrix(predictions: np.ndarray, labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Count samples by true class (rows) and predicted class (columns): (K, K) int64."""
    cells = labels * num_classes + predictions
    return np.bincount(cells, minlength=num_classes**2).reshape(num_classes, num_classes)


_CELLS_AT_A_TIME = 4_000_000  # bounds the memory to about 100 MB


class Estimate(NamedTuple):
    """A value with its 95 % confidence interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return '{:.2f} [{:.2f}, {:.2f}]'.format(*(100 * number for number in self))

    @property
    def signed(self) -> str:
        """The difference in points, with its sign."""
        return '{:+.2f} [{:+.2f}, {:+.2f}]'.format(*(100 * number for number in self))


class Resampled(NamedTuple):
    """Shares of hits in B resamples of F columns, and their means over the classes: (B, F) each."""

    share: np.ndarray
    class_mean: np.ndarray


def resample(
    hits: np.ndarray, labels: np.ndarray, *, resamples: int = 10_000, seed: int = 0
) -> Resampled:
    """Draw samples with replacement, as many as there are, again and again.

    The columns of ``hits`` (N, F) are resampled together, so that they stay paired. Samples of one
    class, in ``labels`` (N,), with the same hits are interchangeable. How often each kind is drawn
    has a multinomial distribution, and that is drawn here: the same bootstrap at the
    cost of the kinds, of which there are few, not of the samples.
    """
    if resamples < 1:
        raise ValueError(f'the number of resamples must be positive, got {resamples}')
    if seed < 0:
        raise ValueError(f'the seed of the bootstrap must not be negative, got {seed}')
    kinds, counts = np.unique(np.column_stack([labels, hits]), axis=0, return_counts=True)
    generator = np.random.default_rng(seed)
    step = max(1, _CELLS_AT_A_TIME // len(kinds))
    parts = []
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        drawn = generator.multinomial(counts.sum(), counts / counts.sum(), size=size)
        parts.append(_statistics(drawn, kinds[:, 0], kinds[:, 1:]))
    return Resampled(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def _statistics(drawn: np.ndarray, labels: np.ndarray, hits: np.ndarray) -> Resampled:
    """Turn (B, kinds) counts into statistics; the kinds are sorted by label."""
    share = drawn @ hits / drawn.sum(axis=1, keepdims=True)
    starts = np.flatnonzero(np.diff(labels, prepend=-1))
    sizes = np.add.reduceat(drawn, starts, axis=1)
    right = [np.add.reduceat(drawn * column, starts, axis=1) for column in hits.T]
    present = (sizes > 0).sum(axis=1)  # a resample may miss a rare class
    means = [(column / np.maximum(sizes, 1)).sum(axis=1) / present for column in right]
    return Resampled(share, np.stack(means, axis=1))


def bootstrap_note(resamples: int, seed: int) -> str:
    """Say what the intervals in a report are."""
    return (
        f'in brackets: 95 % confidence intervals, bootstrap over samples, {resamples} resamples, '
        f'seed {seed}; the difference is paired'
    )


def interval(value: float, draws: np.ndarray, level: float = 0.95) -> Estimate:
    """Put the percentile interval of the draws around a value."""
    tail = (1 - level) / 2
    low, high = np.quantile(draws, [tail, 1 - tail])
    return Estimate(float(value), float(low), float(high))


@dataclass(frozen=True)
class SystemResult:
    """How good a model or an ensemble is: top-1, top-5 and mean class accuracy.

    Top-5 is None where there are five classes or fewer.
    """

    name: str
    kind: str
    top1: Estimate
    top5: Estimate | None
    mean_class: Estimate

    @classmethod
    def measure(
        cls, scores: Scores, name: str, *, resamples: int = 10_000, seed: int = 0
    ) -> 'SystemResult':
        """Measure scores; see :func:`mmcl_ext.evaluation.accuracy.resample`."""
        ranks = label_ranks(scores.values, scores.labels)
        hits = ranks[:, None] < np.array([1, 5])
        draws = resample(hits, scores.labels, resamples=resamples, seed=seed)
        mean_class = mean_class_accuracy(hits[:, 0], scores.labels, scores.num_classes)
        return cls(
            name=name,
            kind=scores.kind,
            top1=interval(hits[:, 0].mean(), draws.share[:, 0]),
            top5=interval(hits[:, 1].mean(), draws.share[:, 1]) if scores.num_classes > 5 else None,
            mean_class=interval(mean_class, draws.class_mean[:, 0]),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        estimates = {key: e._asdict() for key, e in self.estimates.items()}
        return dict(name=self.name, kind=self.kind, **estimates)

    @property
    def estimates(self) -> dict[str, Estimate]:
        """The accuracies that are known, by name."""
        known = dict(top1=self.top1, top5=self.top5, mean_class=self.mean_class)
        return {key: estimate for key, estimate in known.items() if estimate is not None}


def result_heading(result: SystemResult) -> tuple[str, ...]:
    """Title the columns of :attr:`SystemResult.estimates`."""
    titles = dict(top1='top-1', top5='top-5', mean_class='mean class')
    return tuple(titles[key] for key in result.estimates)


def difference(a: Scores, b: Scores, *, resamples: int = 10_000, seed: int = 0) -> Estimate:
    """Return the top-1 accuracy of ``b`` minus that of ``a``, by the paired bootstrap.

    Both are scores for the same samples in the same order.
    """
    hits = np.stack([s.hits for s in (a, b)], axis=1)
    draws = resample(hits, a.labels, resamples=resamples, seed=seed).share
    value = (int(hits[:, 1].sum()) - int(hits[:, 0].sum())) / len(hits)
    return interval(value, draws[:, 1] - draws[:, 0])
