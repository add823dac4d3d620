"""Confidence intervals by resampling the test samples (Efron's percentile bootstrap)."""

from typing import NamedTuple

import numpy as np

_CELLS_AT_A_TIME = 4_000_000  # bounds the memory to about 100 MB


class Estimate(NamedTuple):
    """A value with its 95 % confidence interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f'{100 * self.value:.2f} [{100 * self.low:.2f}, {100 * self.high:.2f}]'


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

    Raises:
        ValueError: ``resamples`` is not positive, or ``seed`` is negative.
    """
    if resamples < 1:
        raise ValueError(f'the number of resamples must be positive, got {resamples}')
    if seed < 0:
        raise ValueError(f'the seed of the bootstrap must not be negative, got {seed}')
    rows = np.column_stack([labels, hits])
    kinds, counts = np.unique(rows, axis=0, return_counts=True)
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


def interval(value: float, draws: np.ndarray, level: float = 0.95) -> Estimate:
    """Put the percentile interval of the draws around a value."""
    tail = (1 - level) / 2
    low, high = np.quantile(draws, [tail, 1 - tail])
    return Estimate(float(value), float(low), float(high))
