"""Scores and hits over the classes of a target data set, as pure functions."""

from math import comb

import numpy as np


def row_scores(scores: np.ndarray, source_of_row: np.ndarray, reduce: str = 'sum') -> np.ndarray:
    """Score R rows of a class map by the classes of the source that make them up, bool, (R, K).

    The scores are logits (N, K); ``'sum'`` adds the classes' probabilities, ``'max'`` takes the
    likeliest. Gives log-probabilities up to a constant of each sample, float64, (N, R).

    Raises:
        ValueError: ``reduce`` is unknown.
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
