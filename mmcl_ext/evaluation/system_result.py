"""Accuracies of one model or ensemble with their confidence intervals."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from mmcl_ext.evaluation.accuracy import label_ranks, mean_class_accuracy
from mmcl_ext.evaluation.bootstrap import Estimate, interval, resample
from mmcl_ext.evaluation.scores import Scores


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
        """Measure scores; see :func:`mmcl_ext.evaluation.bootstrap.resample`."""
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
