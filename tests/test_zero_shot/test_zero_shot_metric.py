"""The metric against numbers worked out by hand."""

import math

import numpy as np
import pytest
import torch

from mmcl_ext.datasets.class_map import ClassMap
from mmcl_ext.evaluation.zero_shot_metric import (
    ZeroShotMetric,
    chance,
    class_table,
    hits,
    row_scores,
)

MAP = ClassMap.from_config(
    dict(
        rows=[dict(target='A', source=['a1', 'a2']), dict(target=['B', 'C'], source='b')],
        excluded=['D'],
    ),
    source_classes=('a1', 'b', 'a2', 'x'),
    target_classes=('C', 'A', 'D', 'B'),
)
PROBABILITIES = np.array(
    [
        [0.20, 0.30, 0.25, 0.25],  # A: 0.45 against 0.30, but b is the single likeliest
        [0.05, 0.20, 0.05, 0.70],  # B: b among the mapped, x among all
        [0.60, 0.20, 0.10, 0.10],  # C: a1 wherever one looks
        [0.35, 0.40, 0.01, 0.24],  # A: b is likelier than the sum, 0.36
    ]
)
LABELS = [1, 3, 0, 1]


def evaluate(scores=None, labels=None, meta=None, **kwargs):
    scores = np.log(PROBABILITIES) if scores is None else scores
    metric = ZeroShotMetric(**kwargs)
    metric.dataset_meta = dict(class_map=MAP, excluded_samples=dict(D=7)) if meta is None else meta
    samples = [
        dict(pred_score=torch.tensor(score), target_label=label)
        for score, label in zip(scores, labels or LABELS, strict=True)
    ]
    for sample in samples:
        metric.process(None, [sample])
    return metric.evaluate(len(samples))


def test_by_hand():
    found = evaluate(topk=(1, 2))
    assert found == pytest.approx(
        {
            'zero_shot/top1': 2 / 4,  # samples 0 and 1
            'zero_shot/top1_chance': 1 / 2,
            'zero_shot/mean_class': (1 / 2 + 1 + 0) / 3,  # A, B, C
            'zero_shot/source_top1': 0,
            # One of A's two among four: 1/2; B's and C's one: 1/4.
            'zero_shot/source_top1_chance': (1 / 2 + 1 / 4 + 1 / 4 + 1 / 2) / 4,
            'zero_shot/source_top2': 4 / 4,  # a2, b, b, a1 are second
            # Two guesses miss both of A's with 1/2 * 1/3, B's with 3/4 * 2/3.
            'zero_shot/source_top2_chance': (5 / 6 + 1 / 2 + 1 / 2 + 5 / 6) / 4,
            'zero_shot/samples': 4,
            'zero_shot/classes': 2,
            'zero_shot/source_classes': 4,
            'zero_shot/excluded_classes': 1,
            'zero_shot/excluded_samples': 7,
        }
    )


def test_classes_of_one_row_count_apart():
    found = evaluate(np.log(PROBABILITIES[[1, 1, 2]]), [3, 3, 0])  # B is right twice, C is not
    assert found['zero_shot/top1'] == pytest.approx(2 / 3)
    assert found['zero_shot/mean_class'] == pytest.approx((1 + 0) / 2)


def test_maximum_instead_of_sum():
    assert evaluate(reduce='max')['zero_shot/top1'] == 1 / 4  # sample 0 is lost


@pytest.mark.parametrize('reduce', ['sum', 'max'])
def test_probabilities_logits_and_their_shift_agree(reduce):
    expected = evaluate(reduce=reduce)
    assert evaluate(PROBABILITIES, reduce=reduce, logits=False) == expected
    assert evaluate(np.log(PROBABILITIES) + 300, reduce=reduce) == expected


def test_impossible_classes_have_probability_zero():
    scores = np.array([[0.0, 0.0, 0.0, 1.0], [0.0, 0.1, 0.0, 0.9]])
    assert evaluate(scores, [1, 0], logits=False)['zero_shot/top1'] == 1.0  # the first of equals


def test_row_scores_add_probabilities():
    scores = row_scores(np.log(PROBABILITIES), MAP.source_of_row)
    np.testing.assert_allclose(np.exp(scores)[:, 0], PROBABILITIES[:, [0, 2]].sum(axis=1))
    np.testing.assert_allclose(np.exp(scores)[:, 1], PROBABILITIES[:, 1])


def test_hits_count_the_first_of_equals():
    scores = np.array([[1.0, 1.0, 0.0]])
    assert hits(scores, np.array([[True, False, False]]), 1).all()
    assert not hits(scores, np.array([[False, True, False]]), 1).any()
    assert hits(scores, np.array([[False, True, False]]), 2).all()


def test_chance_is_what_blind_guesses_reach():
    generator = np.random.default_rng(0)
    guesses = generator.random((20000, 9))
    correct = np.arange(9) < 2
    observed = hits(guesses, np.broadcast_to(correct, guesses.shape), 3).mean()
    assert chance(9, 2, 3) == pytest.approx(1 - math.comb(7, 3) / math.comb(9, 3))
    assert observed == pytest.approx(chance(9, 2, 3), abs=0.012)
    assert chance(3, 1, 5) == 1.0


def test_table_names_counts_and_mistakes():
    table = class_table(MAP, np.array(LABELS), np.array([0, 1, 0, 1]), np.zeros(4, bool))
    cells = [line.split() for line in table.splitlines()[1:]]
    assert cells[0] == ['C', 'b', '1', '0.0', '0.0', 'A', '100%']
    assert cells[1] == ['A', 'a1,', 'a2', '2', '50.0', '0.0', 'B', '/', 'C', '50%']
    assert cells[2] == ['B', 'b', '1', '100.0', '0.0', '-']


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (dict(scores=np.zeros((4, 5))), 'has 5 classes, the class map a source of 4'),
        (dict(scores=np.full((4, 4), np.nan)), '4 of 4 samples have scores that are not finite'),
        (dict(meta={'classes': ()}), 'MappedSkeletonDataset'),
        (dict(reduce='mean'), "'mean'"),
        (dict(topk=(0,)), r'\(0,\)'),
    ],
)
def test_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        evaluate(**arguments)


def test_samples_without_the_target_label():
    with pytest.raises(ValueError, match='meta_keys'):
        ZeroShotMetric().process(None, [dict(pred_score=torch.zeros(4))])
