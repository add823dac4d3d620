"""Accuracies of class scores."""

import numpy as np


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
