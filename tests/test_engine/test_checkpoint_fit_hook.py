"""A test stops where the checkpoint is that of another model."""

from types import SimpleNamespace

import pytest
from torch import nn

from mmcl_ext.engine.hooks.checkpoint_fit_hook import CheckpointFitHook


def check(model, weights):
    hook, runner = CheckpointFitHook(), SimpleNamespace(model=model)
    hook.after_load_checkpoint(runner, weights)
    hook.before_test(runner)


def network(num_classes=3):
    return nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Linear(5, num_classes))


def test_what_fits_passes():
    weights = network().state_dict()
    check(network(), weights)
    check(network(), dict(state_dict=weights, meta={}))
    check(network(), {f'module.{key}': value for key, value in weights.items()})
    check(network(), weights | {'co_learning.weight': weights['0.weight']})  # of the training
    old = {key: value for key, value in weights.items() if 'num_batches' not in key}
    check(network(), old)
    for prefix in ('_orig_mod.', 'module._orig_mod.', 'model.', 'net.module.'):
        wrapped = dict(model_state_dict={f'{prefix}{key}': value for key, value in weights.items()})
        check(network(), wrapped)
        assert wrapped['state_dict'].keys() == weights.keys()  # what MMEngine loads
    CheckpointFitHook().before_test(SimpleNamespace(model=network()))  # nothing was loaded


def test_weights_that_are_not_finite():
    weights = network().state_dict()
    weights['2.bias'][1] = float('nan')
    with pytest.raises(ValueError, match=r"the checkpoint: 1 value of '2\.bias' is not finite"):
        check(network(), weights)
    check(network(), network().state_dict() | {'co_learning.weight': weights['2.bias']})


def test_another_number_of_classes():
    message = r"not fit the model: '2\.weight' has shape \(7, 5\), the model needs \(3, 5\)"
    with pytest.raises(ValueError, match=message):
        check(network(), network(num_classes=7).state_dict())


def test_missing_weights():
    weights = network().state_dict()
    del weights['2.bias']
    with pytest.raises(ValueError, match=r"'2\.bias' is missing"):
        check(network(), weights)
