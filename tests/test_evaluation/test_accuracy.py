"""Accuracies and their intervals against numbers worked out by hand and other formulas."""

import numpy as np
import pytest
from mmaction.evaluation import mean_class_accuracy as mmaction_mean_class
from mmaction.evaluation import top_k_accuracy
from scipy.stats import binom
from score_files import make_scores

from mmcl_ext.evaluation.accuracy import (
    SystemResult,
    class_accuracies,
    confusion_matrix,
    difference,
    interval,
    label_ranks,
    mean_class_accuracy,
    resample,
)
from mmcl_ext.evaluation.scores import Scores

VALUES = np.array([[3.0, 1, 2], [1, 3, 2], [5, 1, 4], [1, 1, 1], [0, 2, 2]])
LABELS = np.array([0, 2, 2, 1, 2])


def top_k_hits(values, labels, k):
    return label_ranks(values, labels) < k


def test_by_hand():
    assert label_ranks(VALUES, LABELS).tolist() == [0, 1, 1, 1, 1]  # ties: lower class first
    hits = top_k_hits(VALUES, LABELS, 1)
    assert hits.tolist() == (VALUES.argmax(axis=1) == LABELS).tolist()
    np.testing.assert_array_equal(class_accuracies(hits, LABELS, 4), [1, 0, 0, np.nan])
    assert mean_class_accuracy(hits, LABELS, 4) == pytest.approx(1 / 3)
    matrix = confusion_matrix(VALUES.argmax(axis=1), LABELS, 3)
    assert matrix.tolist() == [[1, 0, 0], [1, 0, 0], [1, 2, 0]]


def test_like_mmaction():
    scores = make_scores(200, 7)
    for k in (1, 5):
        [wanted] = top_k_accuracy(scores.values, scores.labels, (k,))
        assert top_k_hits(scores.values, scores.labels, k).mean() == pytest.approx(wanted)
    hits = top_k_hits(scores.values, scores.labels, 1)
    wanted = mmaction_mean_class(scores.values, scores.labels)
    assert mean_class_accuracy(hits, scores.labels, 7) == pytest.approx(wanted)


def test_bootstrap_of_a_share_is_binomial():
    """Resampled hits are a binomial number: its exact quantiles are the oracle."""
    hits = np.arange(200)[:, None] < 150
    draws = resample(hits, np.zeros(200, int), resamples=40_000, seed=1).share[:, 0]
    found = interval(0.75, draws)
    wanted = binom.ppf([0.025, 0.975], 200, 0.75) / 200
    np.testing.assert_allclose(found[1:], wanted, atol=1 / 200 + 1e-9)
    assert draws.std() == pytest.approx(np.sqrt(0.75 * 0.25 / 200), rel=0.02)


def test_bootstrap_like_a_plain_loop():
    """Draw sample by sample instead: the same distribution of both statistics."""
    scores = make_scores(60, 3)
    hits = top_k_hits(scores.values, scores.labels, 1)
    generator = np.random.default_rng(5)
    share, class_mean = [], []
    for _ in range(4000):
        drawn = generator.integers(0, 60, 60)
        share.append(hits[drawn].mean())
        class_mean.append(mean_class_accuracy(hits[drawn], scores.labels[drawn], 3))
    draws = resample(hits[:, None], scores.labels, resamples=4000, seed=0)
    for ours, loop in ((draws.share[:, 0], share), (draws.class_mean[:, 0], class_mean)):
        assert ours.mean() == pytest.approx(np.mean(loop), abs=0.005)
        assert ours.std() == pytest.approx(np.std(loop), rel=0.08)


def test_bootstrap_leaves_a_missed_class_out():
    """Of a right sample of one class and a wrong one of another, half the resamples hold one."""
    draws = resample(np.array([[True], [False]]), np.array([0, 1]), resamples=4000).class_mean
    values, counts = np.unique(draws, return_counts=True)
    assert values.tolist() == [0, 0.5, 1]
    np.testing.assert_allclose(counts / 4000, [1 / 4, 1 / 2, 1 / 4], atol=0.04)


def test_bootstrap_is_seeded_and_ignores_the_order():
    scores = make_scores(50)
    hits = top_k_hits(scores.values, scores.labels, 1)[:, None]
    first = resample(hits, scores.labels, resamples=500, seed=2)
    order = np.random.default_rng(0).permutation(50)
    again = resample(hits[order], scores.labels[order], resamples=500, seed=2)
    other = resample(hits, scores.labels, resamples=500, seed=3)
    for a, b, c in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(a, b)
        assert (a != c).any()
    with pytest.raises(ValueError, match='must be positive, got 0'):
        resample(hits, scores.labels, resamples=0)


def test_large_draws_come_in_parts(monkeypatch):
    import mmcl_ext.evaluation.accuracy as module

    scores = make_scores(50)
    hits = top_k_hits(scores.values, scores.labels, 1)[:, None]
    whole = resample(hits, scores.labels, resamples=101, seed=2)
    monkeypatch.setattr(module, '_CELLS_AT_A_TIME', 100)
    parts = resample(hits, scores.labels, resamples=101, seed=2)
    np.testing.assert_allclose(whole.class_mean, parts.class_mean)


def test_measured_by_hand():
    """Ranks 0, 3, 4, 5 of seven classes: one sample is right, three are among five."""
    labels = np.array([6, 3, 2, 1])
    values = np.tile(np.arange(7.0), (4, 1))
    found = SystemResult.measure(Scores([*'abcd'], values, labels), 'x', resamples=50)
    assert (found.top1.value, found.top5.value) == (1 / 4, 3 / 4)
    assert found.mean_class.value == 1 / 4


def test_the_difference_is_paired():
    """Two models that differ in one sample: alone they vary, their difference hardly does."""
    a = make_scores(400)
    right = int((a.predictions == a.labels).argmax())
    values = a.values.copy()
    values[right, a.labels[right]] = -9
    b = type(a)(a.names, values, a.labels)
    found = difference(a, b, resamples=2000)
    assert found.value == pytest.approx(-1 / 400)
    assert -4 / 400 <= found.low <= found.high == 0
    alone = SystemResult.measure(a, 'a', resamples=2000).top1
    assert alone.high - alone.low > 20 / 400
