import pytest
import torch
from mmaction.structures import ActionDataSample
from mmengine.evaluator import Evaluator
from mmengine.registry import init_default_scope

from mmcl_ext.models import GCNHead
from mmcl_ext.registry import METRICS


def predict(label, scores):
    scores = torch.tensor(scores)
    sample = ActionDataSample().set_gt_label(label).set_pred_score(scores)
    return sample.set_pred_label(scores.argmax())


def test_accuracy_under_our_scope():
    init_default_scope('mmcl_ext')
    evaluator = Evaluator([METRICS.build(dict(type='AccMetric'))])
    samples = [
        predict(0, [9.0, 1, 2, 3, 4, 5, 6]),  # right
        predict(0, [8.0, 1, 2, 3, 4, 5, 9]),  # second
        predict(0, [0.0, 1, 2, 3, 4, 5, 6]),  # last of seven
        predict(1, [0.0, 9, 2, 3, 4, 5, 6]),  # right
        predict(6, [0.0, 1, 2, 3, 4, 5, 6]),  # right
    ]
    evaluator.process(samples)
    metrics = evaluator.evaluate(len(samples))
    assert metrics['acc/top1'] == pytest.approx(3 / 5)
    assert metrics['acc/top5'] == pytest.approx(4 / 5)
    assert metrics['acc/mean1'] == pytest.approx((1 / 3 + 1 + 1) / 3)  # mean over the classes


def test_top_5_of_five_classes_is_left_out():
    init_default_scope('mmcl_ext')
    evaluator = Evaluator([METRICS.build(dict(type='AccMetric'))])
    samples = [predict(0, [9.0, 1, 2, 3, 4]), predict(0, [8.0, 1, 2, 3, 9])]
    evaluator.process(samples)
    metrics = evaluator.evaluate(2)
    assert metrics.keys() == {'acc/top1', 'acc/mean1'}
    assert metrics['acc/top1'] == 0.5


@pytest.mark.parametrize(('num_classes', 'topk'), [(1, (1,)), (5, (1,)), (6, (1, 5))])
def test_a_training_logs_no_top_k_of_k_classes(num_classes, topk):
    assert GCNHead(num_classes, 4).topk == topk
