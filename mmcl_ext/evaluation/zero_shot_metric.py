"""Accuracy on a data set whose classes are told by those of another."""

from collections.abc import Sequence
from math import comb
from typing import Any

import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger

from mmcl_ext.datasets.class_map import ClassMap
from mmcl_ext.evaluation.text_table import format_table
from mmcl_ext.fileio.printable import counted
from mmcl_ext.registry import METRICS


def row_scores(scores: np.ndarray, source_of_row: np.ndarray, reduce: str = 'sum') -> np.ndarray:
    """Score R rows of a class map by the classes of the source that make them up, bool, (R, K).

    The scores are logits (N, K); ``'sum'`` adds the classes' probabilities, ``'max'`` takes the
    likeliest. Gives log-probabilities up to a constant of each sample, float64, (N, R).
    """
    if reduce not in ('sum', 'max'):
        raise ValueError(f"reduce is 'sum' or 'max', got {reduce!r}")
    add = np.logaddexp if reduce == 'sum' else np.maximum
    scores = scores.astype(np.float64)
    return np.stack([add.reduce(scores[:, row], axis=1) for row in source_of_row], axis=1)


def hits(scores: np.ndarray, correct: np.ndarray, k: int) -> np.ndarray:
    """Tell for which samples a correct class is among the k best of the scores (N, K).

    Of equal scores the first counts as the better, as with argmax. ``correct`` is bool, (N, K).
    """
    best = np.argsort(-scores, axis=1, kind='stable')[:, :k]
    return np.logical_or.reduce(np.take_along_axis(correct, best, axis=1), axis=1)


def chance(num_classes: int, num_correct: int, k: int) -> float:
    """Probability that k different classes, drawn blindly, hold one of the correct ones."""
    return 1 - comb(num_classes - num_correct, k) / comb(num_classes, k) if num_classes > k else 1.0


_HEAD = ('class of the target', 'of the source', 'samples', 'top-1', 'over all', 'taken for')


@METRICS.register_module()
class ZeroShotMetric(BaseMetric):
    """Top-k accuracy over the classes of a target, and over all of the source's.

    Two questions, as in Section 3.5 of MMCL (Liu et al., ACM MM 2024): which of the
    mapped classes is it (``top1``, ``top5``: only the scores of mapped classes count),
    and is a class of the right meaning among the best of all that the network knows
    (``source_top1``, ``source_top5``: the authors' protocol). ``mean_class`` is the mean of
    the target classes' ``top1``. Beside each stands the probability of a blind guess. A
    top-k over k classes or fewer would be 1 and is left out.

    Reads the class map from the data set's meta information, ``pred_score`` (K,) and
    ``target_label`` of the samples, see :class:`mmcl_ext.datasets.MappedSkeletonDataset`.
    The classes' results go into the log.

    Args:
        reduce: How the classes of the source that mean one class of the target are put
            together: ``'sum'`` of their probabilities, or ``'max'``.
        topk: Numbers of guesses.
        logits: Whether ``pred_score`` are logits; False for probabilities.
        kwargs: See MMEngine's ``BaseMetric``.
    """

    default_prefix = 'zero_shot'

    def __init__(
        self,
        reduce: str = 'sum',
        topk: Sequence[int] = (1, 5),
        logits: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if reduce not in ('sum', 'max'):
            raise ValueError(f"reduce is 'sum' or 'max', got {reduce!r}")
        if not topk or min(topk) < 1:
            raise ValueError(f'topk takes positive numbers, got {tuple(topk)}')
        self.reduce = reduce
        self.topk = tuple(topk)
        self.logits = logits

    def process(self, data_batch: Any, data_samples: Sequence[dict[str, Any]]) -> None:
        """Keep the scores and the label of each sample."""
        for sample in data_samples:
            if 'target_label' not in sample:
                raise ValueError(
                    "a sample has no target_label: add it to PackActionInputs' meta_keys"
                )
            score = torch.as_tensor(sample['pred_score']).detach().cpu().double().numpy()
            self.results.append((score, int(sample['target_label'])))

    def compute_metrics(self, results: list[tuple[np.ndarray, int]]) -> dict[str, float]:
        """Compute accuracies from 0 to 1, chances and counts, and log the table of classes.

        A ValueError if the scores do not fit the class map or are not finite.
        """
        class_map = self._class_map()
        scores = np.stack([score for score, _ in results])  # (N, K)
        labels = np.array([label for _, label in results])  # (N,)
        self._check(scores, class_map)
        if not self.logits:
            with np.errstate(divide='ignore'):
                scores = np.log(scores)
        rows = class_map.row_of_target[labels]
        of_rows = row_scores(scores, class_map.source_of_row, self.reduce)  # (N, R)
        all_hits = hits(scores, class_map.source_of_row[rows], 1)
        self._log(class_map, class_table(class_map, labels, of_rows.argmax(axis=1), all_hits))
        return (
            self._over_target(of_rows, rows, labels)
            | self._over_source(scores, class_map.source_of_row[rows])
            | self._counts(class_map, labels)
        )

    def _over_target(
        self, scores: np.ndarray, rows: np.ndarray, labels: np.ndarray
    ) -> dict[str, float]:
        num_rows = scores.shape[1]
        correct = np.arange(num_rows) == rows[:, None]
        found: dict[str, float] = {}
        for k in self.topk:
            if k < num_rows:
                found[f'top{k}'] = float(hits(scores, correct, k).mean())
                found[f'top{k}_chance'] = chance(num_rows, 1, k)
        first = hits(scores, correct, 1)
        classes = [float(first[labels == label].mean()) for label in np.unique(labels)]
        return found | {'mean_class': float(np.mean(classes))}

    def _over_source(self, scores: np.ndarray, correct: np.ndarray) -> dict[str, float]:
        num_classes = scores.shape[1]
        found: dict[str, float] = {}
        for k in self.topk:
            if k < num_classes:
                chances = [chance(num_classes, n, k) for n in correct.sum(axis=1).tolist()]
                found[f'source_top{k}'] = float(hits(scores, correct, k).mean())
                found[f'source_top{k}_chance'] = float(np.mean(chances))
        return found

    def _counts(self, class_map: ClassMap, labels: np.ndarray) -> dict[str, float]:
        return dict(
            samples=len(labels),
            classes=len(class_map.rows),
            source_classes=len(class_map.source_classes),
            excluded_classes=len(class_map.excluded),
            excluded_samples=sum(self._excluded().values()),
        )

    def _class_map(self) -> ClassMap:
        class_map = (self.dataset_meta or {}).get('class_map')
        if not isinstance(class_map, ClassMap):
            raise ValueError('ZeroShotMetric needs test data of type MappedSkeletonDataset')
        return class_map

    def _excluded(self) -> dict[str, int]:
        return dict((self.dataset_meta or {}).get('excluded_samples', {}))

    def _log(self, class_map: ClassMap, table: str) -> None:
        excluded = ', '.join(f'{name} ({n})' for name, n in self._excluded().items()) or 'none'
        MMLogger.get_current_instance().info(
            f'zero-shot results by class, in percent\n{table}\n'
            f'excluded classes of the target (samples): {excluded}'
        )

    def _check(self, scores: np.ndarray, class_map: ClassMap) -> None:
        num_classes = len(class_map.source_classes)
        if scores.shape[1] != num_classes:
            raise ValueError(
                f'the network has {counted(scores.shape[1], "class", "classes")}, the class map a '
                f'source of {num_classes}: is source_classes the data set it was trained on?'
            )
        bad = int((~np.isfinite(scores)).any(axis=1).sum())
        if bad:
            raise ValueError(f'{bad} of {len(scores)} samples have scores that are not finite')


def class_table(
    class_map: ClassMap,
    labels: np.ndarray,
    predictions: np.ndarray,
    source_hits: np.ndarray,
) -> str:
    """Write a line per mapped class of the target.

    Each of N samples has its class of the target in ``labels``, the predicted row of the map in
    ``predictions``, and in ``source_hits`` whether it is right over all classes of the source.
    """
    lines: list[Sequence[str]] = [_HEAD]
    for label, row in enumerate(class_map.row_of_target.tolist()):
        chosen = labels == label
        if row < 0 or not chosen.any():
            continue
        wrong = predictions[chosen & (predictions != row)]
        shares = [(predictions[chosen] == row).mean(), source_hits[chosen].mean()]
        names = class_map.target_classes[label], ', '.join(class_map.rows[row].source)
        figures = str(chosen.sum()), *(f'{100 * share:.1f}' for share in shares)
        lines.append((*names, *figures, _mistake(class_map, wrong, int(chosen.sum()))))
    return format_table(lines)


def _mistake(class_map: ClassMap, wrong: np.ndarray, num_samples: int) -> str:
    if not len(wrong):
        return '-'
    row, count = max(enumerate(np.bincount(wrong)), key=lambda item: item[1])
    return f'{class_map.rows[row].name} {100 * count / num_samples:.0f}%'
