"""Class scores of samples by a linear classifier of their cached features.

Each sample is scored by a classifier that was fitted on other subjects: a teacher that knew the
sample would tell its label and nothing else.
"""

import os
from collections.abc import Sequence

import numpy as np
from scipy.special import log_softmax

from mmcl_ext.datasets.metainfo.subjects import subjects_of
from mmcl_ext.datasets.store.feature_file import FeatureFile
from mmcl_ext.evaluation.annotation_source import SplitLabels
from mmcl_ext.evaluation.scores import Scores

RIDGES = 10.0 ** np.arange(-3, 4)
"""Penalties that are tried, relative to the mean variance of the features."""


def score_features(
    file: str | os.PathLike,
    split: SplitLabels,
    classes: Sequence[str],
    *,
    subject_pattern: str | None = None,
    parts: int = 5,
) -> Scores:
    """Score the samples of a split that the feature file has: log probabilities (N, K).

    Whole subjects are divided into ``parts``; each part is scored by a ridge regression of the
    one-hot labels on the others, whose penalty was chosen among these in the same way. A ValueError
    if the file has no sample of the split, a name tells no subject, or there are too few of them.
    """
    features = FeatureFile(file)
    names = [name for name in split.names if name in features]
    if not names:
        raise ValueError(f'{file} has no sample of {split.source}')
    subjects = np.unique(subjects_of(names, subject_pattern), return_inverse=True)[1]
    if subjects.max() + 1 < 3 or parts < 3:
        raise ValueError(
            f'{split.source}: {subjects.max() + 1} subjects in {parts} parts; at least 3 of both '
            'are needed, to leave one out and to choose the penalty on the others'
        )
    labels = np.array([split.label_of[name] for name in names])
    x = np.stack([features.read(name).reshape(-1) for name in names]).astype(np.float64)
    onehot = np.eye(len(classes))[labels]
    values = log_probability(predict_left_out(x, onehot, subjects % parts))
    return Scores(names, values, labels, os.fspath(file), classes=tuple(classes))


def standardised(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return x (N, D) with mean 0 and deviation 1, and the mean and deviation (D,) that it had."""
    mean, std = x.mean(0), x.std(0)
    std[std == 0] = 1
    return (x - mean) / std, mean, std


def fit_ridge(x: np.ndarray, y: np.ndarray, ridge: float) -> tuple[np.ndarray, ...]:
    """Fit y (N, K) by x (N, D), standardised, with a penalty relative to the mean variance."""
    x, mean, std = standardised(x)
    centre = y.mean(0)
    kernel = x @ x.T
    penalty = ridge * np.trace(kernel) / len(x)
    weights = x.T @ np.linalg.solve(kernel + penalty * np.eye(len(x)), y - centre)
    return mean, std, weights, centre


def apply_ridge(fitted: tuple[np.ndarray, ...], x: np.ndarray) -> np.ndarray:
    """Predict (N, K) from x (N, D)."""
    mean, std, weights, centre = fitted
    return (x - mean) / std @ weights + centre


def left_out(x: np.ndarray, y: np.ndarray, parts: np.ndarray, ridge: float) -> np.ndarray:
    """Predict y (N, K) from x (N, D), each part (N,) by a fit to the others."""
    result = np.empty_like(y)
    for part in np.unique(parts):
        rest = parts != part
        result[~rest] = apply_ridge(fit_ridge(x[rest], y[rest], ridge), x[~rest])
    return result


def predict_left_out(x: np.ndarray, y: np.ndarray, parts: np.ndarray) -> np.ndarray:
    """Predict as ``left_out``, each part with the ridge weight that is best among the others."""
    result = np.empty_like(y)
    for part in np.unique(parts):
        rest = parts != part
        given = x[rest], y[rest], parts[rest]
        errors = [((left_out(*given, ridge) - y[rest]) ** 2).sum() for ridge in RIDGES]
        fitted = fit_ridge(x[rest], y[rest], RIDGES[int(np.argmin(errors))])
        result[~rest] = apply_ridge(fitted, x[~rest])
    return result


def log_probability(scores: np.ndarray) -> np.ndarray:
    """Log softmax (N, K) of regressed indicators, at the scale that fits a probability."""
    return log_softmax(scores / scores.std(), axis=1)
