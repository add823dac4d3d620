"""The accuracy of each class of one run."""

import csv
from dataclasses import replace

import numpy as np
import pytest

from mmcl_ext import apis
from mmcl_ext.evaluation.class_report import class_results, format_classes, wilson
from mmcl_ext.evaluation.score_files import write_scores
from mmcl_ext.evaluation.scores import Scores


@pytest.mark.parametrize(
    ('hits', 'total', 'low', 'high'),
    # by hand: (p + z^2/2n -+ z sqrt(p(1 - p)/n + z^2/4n^2)) / (1 + z^2/n), z = 1.959964
    [(0, 10, 0.0, 0.277533), (10, 10, 0.722467, 1.0), (8, 10, 0.490162, 0.943318)],
)
def test_wilson_by_hand(hits, total, low, high):
    found = wilson(hits, total)
    assert found.value == hits / total
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-6)


def test_a_class_without_samples_has_no_accuracy():
    results = class_results(np.array([[3, 1, 2], [0, 4, 0], [0, 0, 0]]), ['a', 'b', 'c'])
    assert [r.num_samples for r in results] == [6, 4, 0]
    assert [r.num_right for r in results] == [3, 4, 0]
    assert [r.most_taken_for for r in results] == ['c (2)', '', '']
    assert results[2].accuracy is None
    lines = format_classes(results).splitlines()
    assert lines[1].startswith('a            6  50.00 [')
    assert 'no samples' in lines[3]


def test_the_report_of_a_score_file(tmp_path):
    values = np.array([[2.0, 1, 0], [0, 3, 1], [5, 0, 1], [0, 0, 1]])
    scores = Scores(('a', 'b', 'c', 'd'), values, np.array([0, 1, 1, 2]), classes=('x', 'y', 'z'))
    write_scores(tmp_path / 'scores.pkl', scores)
    text = apis.report_classes(tmp_path / 'scores.pkl', tmp_path / 'out')
    assert text.splitlines()[2].split() == ['y', '2', '50.00', '[9.45,', '90.55]', 'x', '(1)']
    with (tmp_path / 'out/per_class.csv').open() as file:
        rows = list(csv.DictReader(file))
    assert [(r['class'], r['samples'], r['right'], r['accuracy']) for r in rows] == [
        ('x', '1', '1', '1.0'), ('y', '2', '1', '0.5'), ('z', '1', '1', '1.0'),
    ]  # fmt: skip
    assert (tmp_path / 'out/confusion.png').read_bytes().startswith(b'\x89PNG')

    write_scores(tmp_path / 'fewer.pkl', replace(scores, classes=None))
    assert 'class 1 ' in apis.report_classes(tmp_path / 'fewer.pkl', tmp_path)
