import dataclasses
import json

import numpy as np
import pytest

from mmcl_ext.synthetic import SyntheticData
from mmcl_ext.synthetic.demo import describe
from mmcl_ext.synthetic.outcome import Outcome

# Predictions 0, 0, 1, 2 for the labels 0, 0, 0, 2.
OUTCOME = Outcome(
    deployed_parameters=1234,
    training_parameters=99,
    names=('a', 'b', 'c', 'd'),
    labels=(0, 0, 0, 2),
    scores=((0.5, 0.3, 0.2), (0.9, 0.0, 0.1), (0.1, 0.8, 0.1), (0.2, 0.2, 0.6)),
)


def test_accuracies_by_hand():
    assert OUTCOME.top1 == pytest.approx(3 / 4)
    assert OUTCOME.mean_class_accuracy == pytest.approx((2 / 3 + 1) / 2)
    assert OUTCOME.accuracy_on([0, 1]) == pytest.approx(2 / 3)
    assert OUTCOME.accuracy_on([2]) == 1.0


def test_probabilities_of_a_sample():
    expected = np.exp((0.1, 0.8, 0.1)) / (2 * np.exp(0.1) + np.exp(0.8))
    np.testing.assert_allclose(OUTCOME.probabilities_of('c'), expected)
    with pytest.raises(ValueError, match='not in tuple'):
        OUTCOME.probabilities_of('z')


def test_survives_json():
    text = json.dumps(dataclasses.asdict(OUTCOME))
    assert Outcome.from_dict(json.loads(text)) == OUTCOME


def test_table_has_a_row_per_model():
    data = SyntheticData()
    lines = describe({'plain': OUTCOME, 'richer': OUTCOME}, data).splitlines()
    assert lines[0].split() == ['parameters', 'top-1', 'mean', 'class', 'pairs']
    assert lines[2].split() == ['plain', '1,234', '75.0', '%', '83.3', '%', '75.0', '%']
    assert lines[3].startswith('richer')
    assert any('99 parameters more in training' in line for line in lines)
