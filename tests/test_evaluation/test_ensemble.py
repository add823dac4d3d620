"""Fusion of streams and search of weights."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from score_files import make_scores, shuffled

from mmcl_ext.evaluation import weight_search as module
from mmcl_ext.evaluation.ensemble import (
    Weights,
    ensemble_to_dict,
    evaluate_ensemble,
    format_ensemble,
    fuse,
    search_on_held_out,
    search_on_test,
)
from mmcl_ext.evaluation.scores import Scores
from mmcl_ext.evaluation.weight_search import PRESETS, search_weights

NAMES = ('x', 'y')
A = Scores(NAMES, np.array([[2.0, 1, 0], [0, 3, 1]]), np.array([1, 2]), 'a')
B = Scores(NAMES[::-1], np.array([[0.0, 0, 9], [0, 4, 2]]), np.array([2, 1]), 'b')


def probabilities(scores):
    values = np.exp(scores.values)
    return replace(scores, values=values / values.sum(axis=1, keepdims=True))


def test_by_hand():
    fused = fuse([A, B], (2, 1))
    assert list(fused.names) == ['x', 'y']
    np.testing.assert_allclose(fused.values, np.array([[4, 6, 2], [0, 6, 11]]) / 3)
    assert fused.predictions.tolist() == [1, 2]


def test_treatments_by_hand():
    np.testing.assert_allclose(fuse([A], [5], 'softmax').values, probabilities(A).values)
    wanted = np.array([[2 / np.sqrt(5), 1 / np.sqrt(5), 0], [0, 3, 1] / np.sqrt(10)])
    np.testing.assert_allclose(fuse([A], [1], 'l2').values, wanted)
    # Probabilities stay what they are, whatever they are fused with.
    mixed = fuse([probabilities(A), A], (1, 1), 'softmax')
    np.testing.assert_allclose(mixed.values, probabilities(A).values)
    assert mixed.are_probabilities


def test_kinds_do_not_mix():
    with pytest.raises(ValueError, match='b holds logits and a probabilities: fuse them with'):
        fuse([probabilities(A), B], (1, 1))
    with pytest.raises(ValueError, match='a holds probabilities; l2 is for logits'):
        fuse([probabilities(A)], [1], 'l2')
    with pytest.raises(ValueError, match="scores 'log': known are"):
        fuse([A], [1], 'log')


def test_the_order_of_samples_does_not_matter():
    streams = [make_scores(seed=seed) for seed in range(3)]
    mixed = [streams[0], *(shuffled(s, seed=i) for i, s in enumerate(streams[1:]))]
    weights = Weights((1, 2, 3), 'test')
    one = evaluate_ensemble(streams, weights, resamples=200)
    two = evaluate_ensemble(mixed, weights, resamples=200)
    np.testing.assert_allclose(one.scores.values, two.scores.values)
    assert (one.fused, one.gain) == (two.fused, two.gain)
    assert [s.top1 for s in one.streams] == [s.top1 for s in two.streams]
    first = evaluate_ensemble([shuffled(s) for s in streams], weights, resamples=200)
    assert first.fused == one.fused
    # Joined by position, as the reference scripts do, the same files give another result.
    wrong = np.tensordot([1, 2, 3], [s.values for s in mixed], axes=1).argmax(axis=1)
    assert (wrong == streams[0].labels).mean() < one.fused.top1.value - 0.2


def test_the_gain_is_over_the_best_stream():
    streams = [make_scores(200, seed=seed, strength=s) for seed, s in enumerate((0.5, 3, 1))]
    ensemble = evaluate_ensemble(streams, Weights((1, 1, 1), 'equal'), resamples=50)
    accuracies = [(s.predictions == s.labels).mean() for s in streams]
    fused = (ensemble.scores.predictions == streams[0].labels).mean()
    assert ensemble.best == 1
    assert [s.top1.value for s in ensemble.streams] == pytest.approx(accuracies)
    assert ensemble.gain.value == pytest.approx(fused - accuracies[1])


def test_ensembles_nest():
    streams = [make_scores(seed=seed) for seed in range(3)]
    inner = fuse(streams[:2], (1, 3))
    outer = fuse([inner, streams[2]], (4, 2))
    np.testing.assert_allclose(outer.values, fuse(streams, (1, 3, 2)).values)


@pytest.mark.parametrize(
    ('other', 'message'),
    [
        (Scores(('x', 'z'), A.values, A.labels, 'b'), "b lacks sample 'y', which a has"),
        (Scores(('x', 'y', 'z'), np.eye(3), np.array([1, 2, 0]), 'b'), "a lacks sample 'z', which"),
        (Scores(NAMES, A.values, np.array([1, 0]), 'b'), "sample 'y' has label 0 in b and 2 in a"),
        (Scores(NAMES, np.eye(4)[:2], A.labels, 'b'), 'b has 4 classes, a has 3'),
    ],
)
def test_streams_that_do_not_fit(other, message):
    with pytest.raises(ValueError, match=message):
        fuse([A, other], (1, 1))


@pytest.mark.parametrize('values', [(0, 0), (1, -1), (1, float('nan'))])
def test_weights_that_do_not_go(values):
    with pytest.raises(ValueError, match='weights must be finite'):
        Weights(values, 'test')
    with pytest.raises(ValueError, match='3 weights for 2 streams'):
        fuse([A, B], (1, 1, 1))


def test_presets_are_the_published_ones():
    assert np.allclose(np.array(PRESETS['four-stream'].weights) / 5, [0.6, 0.6, 0.4, 0.4])
    for preset in PRESETS.values():
        assert len(preset.streams) == len(preset.weights)
    assert len(PRESETS['six-way'].weights) == 6


def best_accuracy(values, labels, largest):
    """Try everything, with no thought."""
    tried = itertools.product(range(largest + 1), repeat=len(values))
    sums = (sum(w * v for w, v in zip(weights, values, strict=True)) for weights in tried)
    return max((total.argmax(axis=1) == labels).mean() for total in sums)


def test_search_finds_the_best():
    streams = [make_scores(90, seed=seed, strength=1 + seed) for seed in range(3)]
    values, labels = np.stack([s.values for s in streams]), streams[0].labels
    found = search_weights(values, labels, probabilities=False, largest=4)
    assert found.accuracy == best_accuracy(values, labels, 4) >= found.equal_accuracy
    fused = np.tensordot(found.weights, values, axes=1)
    assert (fused.argmax(axis=1) == labels).mean() == found.accuracy
    assert np.gcd.reduce(found.weights) == 1
    assert found.num_tried == 5**3 - 1 - sum(
        1 for w in itertools.product(range(5), repeat=3) if np.gcd.reduce(w) > 1
    )


def test_search_by_steps_improves(monkeypatch):
    streams = [make_scores(300, seed=seed, strength=s) for seed, s in enumerate((2, 1, 0, 0, 0))]
    values, labels = np.stack([s.values for s in streams]), streams[0].labels
    monkeypatch.setattr(module, '_EXHAUSTIVE', 0)
    found = search_weights(values, labels, probabilities=False)
    assert found.num_tried < 500
    assert found.accuracy > found.equal_accuracy + 0.1
    assert found.weights[0] > max(found.weights[2:])


def test_search_by_steps_goes_on_until_no_step_helps():
    def objective(weights):
        first, second = weights
        return -((first - second) ** 2) - (second - 6) ** 2

    best = module._ascend(objective, (1, 1), 6)  # to (1, 3), (3, 4), (4, 5) and (5, 5)
    assert best == (5, 5)
    steps = [(weight, 5) for weight in range(7)] + [(5, weight) for weight in range(7)]
    assert max(map(objective, steps)) == objective(best)


def test_equal_weights_win_ties():
    scores = make_scores(50)
    found = search_weights(
        np.stack([scores.values] * 2), scores.labels, probabilities=False, largest=3
    )
    assert found.weights == (1, 1)
    with pytest.raises(ValueError, match='largest weight must be positive, got 0'):
        search_weights(scores.values[None], scores.labels, probabilities=False, largest=0)


@pytest.mark.parametrize('kind', ['logits', 'probabilities'])
def test_the_surer_stream_wins_among_equally_right_ones(kind):
    """Both streams are right everywhere; the one that is surer has the lower cross entropy."""
    labels = np.array([0, 1, 2, 0])
    sure, unsure = (Scores([*'abcd'], s * np.eye(3)[labels], labels) for s in (5, 1))
    streams = [unsure, sure]
    if kind == 'probabilities':
        streams = [probabilities(stream) for stream in streams]
    values = np.stack([stream.values for stream in streams])
    found = search_weights(values, labels, probabilities=kind == 'probabilities', largest=3)
    assert (found.weights, found.accuracy) == ((0, 1), 1.0)


def test_held_out_weights_do_not_see_the_test():
    held = [make_scores(80, seed=seed, strength=s) for seed, s in ((1, 3), (2, 0))]
    held = [replace(s, names=[f'held{i}' for i in range(80)]) for s in held]
    tested = [make_scores(80, seed=seed, strength=s) for seed, s in ((3, 0), (4, 3))]
    weights = search_on_held_out(held, tested, 'raw')
    assert weights.values[0] > weights.values[1]  # good there, however bad here
    assert not weights.searched_on_test
    with pytest.raises(ValueError, match="sample 'a1_s0_t1' of made is among the test samples"):
        search_on_held_out(tested, tested, 'raw')
    with pytest.raises(ValueError, match='1 held-out files for 2 streams'):
        search_on_held_out(held[:1], tested, 'raw')


def test_what_was_searched_on_the_test_stays_marked():
    streams = [make_scores(seed=seed) for seed in range(2)]
    weights = search_on_test(streams, 'raw')
    inner = evaluate_ensemble(streams, weights, resamples=50)
    outer = evaluate_ensemble(
        [inner.scores, make_scores(seed=5)], Weights((1, 1), 'equal'), resamples=50
    )
    for ensemble in (inner, outer):
        assert 'WEIGHTS SEARCHED ON THE TEST DATA' in format_ensemble(ensemble)
    plain = evaluate_ensemble(streams, Weights((1, 1), 'equal'), resamples=50)
    assert 'TEST DATA' not in format_ensemble(plain)


def test_logits_of_different_scale_are_told_apart():
    def fuse_with(factor, treatment='raw'):
        scaled = replace(B, values=factor * B.values)
        return evaluate_ensemble([A, scaled], Weights((1, 1), 'equal'), treatment, resamples=10)

    assert fuse_with(1).unlike_scales == ''
    wide = fuse_with(100)
    assert 'those of b spread' in wide.unlike_scales
    assert wide.unlike_scales in format_ensemble(wide)
    assert wide.unlike_scales in ensemble_to_dict(wide)['warnings']
    assert 'those of a spread' in fuse_with(0.01).unlike_scales
    assert fuse_with(100, 'softmax').unlike_scales == ''


def test_top_5_is_left_out_with_five_classes():
    for num_classes, titles in ((5, ['top-1', 'mean']), (6, ['top-1', 'top-5', 'mean'])):
        streams = [make_scores(num_classes=num_classes)] * 2
        ensemble = evaluate_ensemble(streams, Weights((1, 1), 'equal'), resamples=10)
        heading = next(x for x in format_ensemble(ensemble).splitlines() if x.startswith('weight '))
        assert heading.split()[2:-1] == titles
        assert ('top5' in ensemble_to_dict(ensemble)['fused']) == (num_classes > 5)
