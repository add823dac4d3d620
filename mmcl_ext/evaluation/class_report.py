"""Accuracy of each class in one run, as text and as CSV."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.stats import binomtest

from mmcl_ext.evaluation.accuracy import Estimate
from mmcl_ext.evaluation.text_table import format_table, write_csv


class ClassResult(NamedTuple):
    """How many of the ``num_samples`` of a class were recognised.

    ``accuracy`` has Wilson's 95 % confidence interval (JASA 1927), which holds for small
    numbers; it is None without samples. ``most_taken_for`` names the most frequent wrong class
    with its number of samples, '' if there is none.
    """

    name: str
    num_samples: int
    num_right: int
    accuracy: Estimate | None
    most_taken_for: str


def class_results(confusion: np.ndarray, classes: Sequence[str]) -> list[ClassResult]:
    """Measure every class of the counts (K, K), row: true class."""
    wrong = confusion * ~np.eye(len(confusion), dtype=bool)
    results = []
    for k, name in enumerate(classes):
        total, right, other = int(confusion[k].sum()), int(confusion[k, k]), int(wrong[k].argmax())
        count = int(wrong[k, other])
        most = f'{classes[other]} ({count})' if count else ''
        results.append(ClassResult(name, total, right, wilson(right, total), most))
    return results


def wilson(hits: int, total: int) -> Estimate | None:
    """Return the share of hits with Wilson's 95 % score interval; None without samples."""
    if not total:
        return None
    low, high = binomtest(hits, total).proportion_ci(0.95, 'wilson')
    return Estimate(hits / total, float(low), float(high))


def format_classes(results: Sequence[ClassResult]) -> str:
    """Tabulate the classes in their order."""
    rows = [
        (r.name, str(r.num_samples), str(r.accuracy or 'no samples'), r.most_taken_for)
        for r in results
    ]
    return format_table([('class', 'samples', 'accuracy', 'most taken for'), *rows])


def write_classes(results: Sequence[ClassResult], path: str | os.PathLike) -> None:
    """Write the classes as a CSV table; accuracies are shares from 0 to 1."""
    rows = (
        (label, r.name, r.num_samples, r.num_right, *(r.accuracy or ('', '', '')), r.most_taken_for)
        for label, r in enumerate(results)
    )
    heading = ('label', 'class', 'samples', 'right', 'accuracy', 'low', 'high', 'most taken for')
    write_csv(Path(path), heading, rows)
