import numpy as np
import pytest

from mmcl_ext.evaluation.scores import Scores, to_probabilities
from mmcl_ext.synthetic.demo import TestedModel, accuracies, describe
from mmcl_ext.synthetic.synthetic_data import SyntheticData

# Predictions 0, 0, 1, 2 for the labels 0, 0, 0, 2.
SCORES = Scores(
    names=('a', 'b', 'c', 'd'),
    values=np.array([[0.5, 0.3, 0.1], [0.9, 0.0, 0.1], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6]]),
    labels=np.array([0, 0, 0, 2]),
)
MODEL = TestedModel(SCORES, deployed_parameters=1234, training_parameters=99)


def test_accuracies_by_hand():
    top1, mean_class, _ = accuracies(SCORES, [0])
    assert top1 == pytest.approx(3 / 4)
    assert mean_class == pytest.approx((2 / 3 + 1) / 2)
    assert accuracies(SCORES, [0, 1])[2] == pytest.approx(2 / 3)
    assert accuracies(SCORES, [2])[2] == 1.0


def test_probabilities_of_a_sample():
    expected = np.exp((0.1, 0.8, 0.1)) / (2 * np.exp(0.1) + np.exp(0.8))
    np.testing.assert_allclose(to_probabilities(SCORES)[SCORES.positions['c']], expected)


def test_table_has_a_row_per_model():
    lines = describe({'plain': MODEL, 'richer': MODEL}, SyntheticData()).splitlines()
    assert lines[0].split() == ['parameters', 'top-1', 'mean', 'class', 'pairs']
    assert lines[2].split() == ['plain', '1,234', '75.0', '%', '83.3', '%', '75.0', '%']
    assert lines[3].startswith('richer')
    assert any('99 parameters more in training' in line for line in lines)
