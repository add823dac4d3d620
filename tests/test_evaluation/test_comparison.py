"""Comparison of two runs against numbers worked out by hand."""

import csv
from math import comb

import numpy as np
import pytest
from score_files import make_scores, shuffled

from mmcl_ext.evaluation.annotation_source import class_list, open_source
from mmcl_ext.evaluation.comparison import Comparison, confused_pairs, mcnemar
from mmcl_ext.evaluation.comparison_report import format_comparison, write_comparison
from mmcl_ext.evaluation.scores import Scores, to_probabilities

NAMES = ('s0', 's1', 's2', 's3', 's4', 's5')
LABELS = np.array([0, 0, 0, 0, 1, 1])
CLASSES = ('wave, left', 'kick', 'jump')


def run(predictions, source, sure=0.6):
    """Give the predicted class the probability ``sure``."""
    values = np.full((len(predictions), 3), (1 - sure) / 2)
    values[np.arange(len(predictions)), predictions] = sure
    return Scores(NAMES, values, LABELS, source)


FIRST = run([0, 0, 1, 1, 1, 2], 'first')
SECOND = run([0, 2, 0, 0, 1, 1], 'second', sure=0.8)


def test_by_hand():
    comparison = Comparison(FIRST, SECOND)
    # class 0: 2 of 4 -> 3 of 4; class 1: 1 of 2 -> 2 of 2; class 2 has no samples
    assert [tuple(gain) for gain in comparison.class_gains] == [(1, 2, 0.5, 1.0), (0, 4, 0.5, 0.75)]
    assert [gain.gain for gain in comparison.class_gains] == [0.5, 0.25]
    changed = {s.name: (s.predicted, s.is_improved) for s in comparison.changed}
    assert changed == {
        's1': ((0, 2), False),
        's2': ((1, 0), True),
        's3': ((1, 0), True),
        's5': ((2, 1), True),
    }
    # The true class's probability moves by 0.6 where the second run is right, else by 0.5.
    assert [s.name for s in comparison.changed] == ['s2', 's3', 's5', 's1']
    np.testing.assert_allclose(comparison.changed[0].probability, (0.2, 0.8))
    assert (comparison.num_improved, comparison.num_worsened) == (3, 1)
    assert comparison.p_value == pytest.approx(2 * (1 + 4) / 2**4)
    assert comparison.gain(resamples=100).value == pytest.approx(2 / 6)
    assert comparison.confusions[0].tolist() == [[2, 2, 0], [0, 1, 1], [0, 0, 0]]
    pairs = [tuple(pair) for pair in confused_pairs(comparison.confusions[0])]
    assert pairs == [(0, 1, 2, 0.5), (1, 2, 1, 0.5)]


@pytest.mark.parametrize('improved', range(0, 12, 3))
@pytest.mark.parametrize('worsened', [0, 1, 7])
def test_mcnemar_is_the_sum_of_binomials(improved, worsened):
    changed = improved + worsened
    tail = sum(comb(changed, i) for i in range(min(improved, worsened) + 1)) / 2**changed
    assert mcnemar(improved, worsened) == pytest.approx(min(1, 2 * tail))
    assert mcnemar(improved, worsened) == pytest.approx(mcnemar(worsened, improved))


def test_order_does_not_matter_and_turning_round_turns_signs():
    a, b = make_scores(seed=1), make_scores(seed=2)
    one, mixed, back = Comparison(a, b), Comparison(a, shuffled(b)), Comparison(b, a)
    assert one.changed == mixed.changed
    assert one.class_gains == mixed.class_gains
    assert (back.num_improved, back.num_worsened) == (one.num_worsened, one.num_improved)
    assert back.p_value == one.p_value
    assert sorted(-g.gain for g in back.class_gains) == sorted(g.gain for g in one.class_gains)


def test_a_run_against_itself():
    a = make_scores()
    comparison = Comparison(a, a)
    assert comparison.changed == []
    assert comparison.p_value == 1
    assert tuple(comparison.gain(resamples=50)) == (0, 0, 0)
    text = format_comparison(comparison, [f'c{k}' for k in range(4)], ('a', 'b'), resamples=50)
    assert text.count('(none)') == 4


def test_probabilities_of_logits():
    values = np.array([[1000.0, 1000, 0]])  # would overflow in a careless softmax
    np.testing.assert_allclose(
        to_probabilities(Scores(('x',), values, np.array([0]))), [[0.5, 0.5, 0]]
    )
    np.testing.assert_array_equal(to_probabilities(FIRST), FIRST.values)


def test_runs_on_other_samples_are_refused():
    other = Scores(('x', *NAMES[1:]), SECOND.values, LABELS, 'second')
    with pytest.raises(ValueError, match="second lacks sample 's0', which first has"):
        Comparison(FIRST, other)


def test_text_says_it_all():
    text = format_comparison(Comparison(FIRST, SECOND), CLASSES, ('plain', 'mmcl'), resamples=100)
    assert 'mmcl minus plain: +33.33 [' in text
    assert '3 samples wrong -> right, 1 right -> wrong' in text
    assert 'p = 0.625' in text
    assert '100 resamples, seed 0' in text
    row = next(line for line in text.splitlines() if line.startswith('kick') and '+' in line)
    assert row.split() == ['kick', '2', '50.00', '100.00', '+50.00']


def test_tables(tmp_path):
    files = write_comparison(
        Comparison(FIRST, SECOND), CLASSES, ('plain', 'mmcl'), tmp_path / 'out'
    )
    assert [path.name for path in files] == [
        'classes.csv', 'confused_pairs.csv', 'changed_samples.csv',
    ]  # fmt: skip
    classes, pairs, changed = (list(csv.DictReader(path.open())) for path in files)
    assert classes[1]['class'] == 'wave, left'  # with its comma
    assert float(classes[1]['gain']) == 0.25
    assert [(row['run'], row['taken for'], row['samples']) for row in pairs] == [
        ('plain', 'kick', '2'), ('plain', 'jump', '1'), ('mmcl', 'jump', '1'),
    ]  # fmt: skip
    assert changed[-1] == {
        'sample': 's1', 'change': 'right -> wrong', 'class': 'wave, left', 'plain': 'wave, left',
        'mmcl': 'jump', 'true class in plain': '0.6', 'true class in mmcl': '0.1',
    }  # fmt: skip


def test_class_names_and_their_sources(tmp_path, monkeypatch):
    from tiny_data import write_tiny_store

    write_tiny_store(tmp_path / 'tiny.safetensors')
    (tmp_path / 'plain.py').write_text(
        "test_dataloader = dict(dataset=dict(type='RepeatDataset', dataset=dict("
        f"ann_file='tiny.safetensors', data_root={str(tmp_path)!r})))"
    )
    (tmp_path / 'none.py').write_text('model = dict()')
    for source in ('tiny.safetensors', 'plain.py'):
        names = class_list(open_source(tmp_path / source), 3)
        assert names == ['class0', 'class1', 'class2']
    assert class_list(None, 2) == ['class 0', 'class 1']
    assert class_list(None, 2, ('sit', 'run')) == ['sit', 'run']
    with pytest.raises(ValueError, match="classes is 'class1' at place 0 in the scores, 'class0'"):
        class_list(open_source(tmp_path / 'tiny.safetensors'), 3, ('class1', 'class0', 'class2'))
    with pytest.raises(ValueError, match='has 3 classes, the scores have 4'):
        class_list(open_source(tmp_path / 'tiny.safetensors'), 4)
    with pytest.raises(ValueError, match=r'none\.py names no annotation file'):
        open_source(tmp_path / 'none.py')
