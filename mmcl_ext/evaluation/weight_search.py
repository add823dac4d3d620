"""Weights of ensembles: published ones, and a search on samples that are not tested on."""

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp


class Preset(NamedTuple):
    """Weights for streams in a fixed order, and who published them (``source``).

    ``scores`` is the treatment before they are added, if the source says so, and ``warning`` what
    to tell the reader along with a result.
    """

    streams: tuple[str, ...]
    weights: tuple[float, ...]
    source: str
    scores: str | None = None
    warning: str | None = None


_FOUR = ('joint', 'bone', 'joint motion', 'bone motion')
_SIX = (*_FOUR, 'HD-Graph joint', 'HD-Graph bone')

PRESETS = {
    'four-stream': Preset(
        _FOUR,
        (3, 3, 2, 2),
        'CTR-GCN (ICCV 2021), ensemble.py: 0.6, 0.6, 0.4, 0.4 on logits',
    ),
    'four-stream-pyskl': Preset(
        _FOUR, (2, 2, 1, 1), 'PYSKL (MM 2022), configs/stgcn++/README.md: 2:2:1:1'
    ),
    'six-way': Preset(
        _SIX,
        (3, 3, 2, 2, 3, 3),
        "CTR-GCN's 0.6, 0.6, 0.4, 0.4; the HD-Graph streams of MMCL, a joint and a bone stream, "
        'weigh what joint and bone do',
    ),
    'six-way-mmcl-ntu120-xsub': Preset(
        _SIX,
        (
            2.361693262051476,
            4.35402786600752,
            3.6038236890242237,
            1.0158095311333564,
            3.0574845840597544,
            5.0,
        ),
        'MMCL (MM 2024), Ensemble/ensemble.py, NTU RGB+D 120 X-Sub',
        scores='raw',
        warning='these released weights look searched on the test data: report them beside fixed '
        'ones, not in their place',
    ),
    'six-way-skeletonagent': Preset(
        ('joint', 'bone', 'k-bone', 'joint motion', 'bone motion', 'k-bone motion'),
        (2, 2, 2, 1, 1, 1),
        'SkeletonAgent (2025): 2:2:2:1:1:1',
    ),
    'six-way-hdgcn': Preset(
        tuple(f'{stream}, centre {joint}' for joint in (1, 2, 21) for stream in ('joint', 'bone')),
        (1, 1, 1, 1, 1, 1),
        'HD-GCN (ICCV 2023): equal weights, logits divided by their L2 norm',
        scores='l2',
    ),
}
"""Weights that were published, or follow from published ones as their source says."""


_EXHAUSTIVE = 3e8
"""Products of weights, samples and classes up to which every combination is tried."""


class WeightSearch(NamedTuple):
    """What a search found: integer weights without common divisor, and their top-1 accuracy.

    ``equal_accuracy`` is that of equal weights, ``num_samples`` and ``num_tried`` count the samples
    of the search and the combinations.
    """

    weights: tuple[int, ...]
    accuracy: float
    equal_accuracy: float
    num_samples: int
    num_tried: int


def search_weights(
    values: np.ndarray, labels: np.ndarray, *, probabilities: bool, largest: int = 6
) -> WeightSearch:
    """Find the integer weights up to ``largest`` of the highest top-1 accuracy.

    ``values`` (S, N, K) are the scores of S streams as they are added, ``labels`` (N,) the classes.
    Among equal accuracies the lower cross entropy of the fused scores decides, then whoever
    comes first, equal weights before all. Few samples make every combination
    affordable; with more, the weights are improved one at a time from equal ones.
    """
    if largest < 1:
        raise ValueError(f'the largest weight must be positive, got {largest}')
    objective = _Objective(values, labels, probabilities)
    equal = (1,) * len(values)
    if (largest + 1) ** len(values) * values[0].size <= _EXHAUSTIVE:
        best = max([equal, *_combinations(len(values), largest)], key=objective)
    else:
        best = _ascend(objective, (max(1, largest // 2),) * len(values), largest)
    best = tuple(weight // math.gcd(*best) for weight in best)
    found, even = (objective(weights)[0] / len(labels) for weights in (best, equal))
    return WeightSearch(best, found, even, len(labels), len(objective.known))


def _combinations(num_streams: int, largest: int) -> Iterator[tuple[int, ...]]:
    """Yield weights without common divisor: multiples give the same ensemble."""
    for weights in itertools.product(range(largest + 1), repeat=num_streams):
        if math.gcd(*weights) == 1:
            yield weights


def _ascend(objective: '_Objective', start: tuple[int, ...], largest: int) -> tuple[int, ...]:
    """Improve one weight at a time until none can be."""
    best, previous = start, None
    while best != previous:
        previous = best
        for i in range(len(start)):
            options = [(*best[:i], weight, *best[i + 1 :]) for weight in range(largest + 1)]
            best = max([best, *(option for option in options if any(option))], key=objective)
    return best


class _Objective:
    """Number of right samples, then the negative cross entropy; remembers what it has seen."""

    def __init__(self, values: np.ndarray, labels: np.ndarray, probabilities: bool) -> None:
        self.values = values
        self.labels = labels
        self.probabilities = probabilities
        self.known: dict[tuple[int, ...], tuple[int, float]] = {}

    def __call__(self, weights: Sequence[int]) -> tuple[int, float]:
        key = tuple(weight // math.gcd(*weights) for weight in weights)
        if key not in self.known:
            self.known[key] = self._measure(key)
        return self.known[key]

    def _measure(self, weights: tuple[int, ...]) -> tuple[int, float]:
        fused = np.tensordot(np.array(weights) / sum(weights), self.values, axes=1)
        right = int((fused.argmax(axis=1) == self.labels).sum())
        own = np.take_along_axis(fused, self.labels[:, None], axis=1)[:, 0]
        if self.probabilities:
            return right, float(np.log(np.maximum(own, 1e-12)).mean())
        return right, float((own - logsumexp(fused, axis=1)).mean())
