"""Checkpoints of other training code: levels and prefixes around the weights of a model."""

import logging
import pickle

import pytest
import torch
from mmengine.runner import Runner
from torch import nn

from mmcl_ext.fileio.checkpoint import checkpoint_bytes, read_checkpoint

NAMES = ('backbone.conv.weight', 'backbone.conv.bias', 'cls_head.fc.weight')


def save(path, names, level=None):
    state = {name: torch.full((2,), float(i)) for i, name in enumerate(names)}
    torch.save(state if level is None else {level: state, 'epoch': 3}, path)
    return path


@pytest.mark.parametrize(
    'prefix',
    ['', 'module.', '_orig_mod.', 'module._orig_mod.', '_orig_mod.module.', 'model.', 'net.',
     'network.', 'model.module.', 'module.model.net.', 'module.module.'],
)  # fmt: skip
@pytest.mark.parametrize('level', [None, 'state_dict', 'model_state_dict', 'model', 'net'])
def test_prefixes_and_levels(tmp_path, prefix, level):
    path = save(tmp_path / 'a.pth', [prefix + name for name in NAMES], level)
    state = read_checkpoint(path)['state_dict']
    assert [(k, v[0].item()) for k, v in state.items()] == list(zip(NAMES, (0, 1, 2), strict=True))


def test_a_layer_that_is_compiled_alone(tmp_path):
    names = ['backbone._orig_mod.conv.weight', 'cls_head.fc.weight']
    assert list(read_checkpoint(save(tmp_path / 'a.pth', names))['state_dict']) == [
        'backbone.conv.weight',
        'cls_head.fc.weight',
    ]


def test_parts_of_a_model_keep_their_names(tmp_path):
    path = save(tmp_path / 'a.pth', NAMES[:2])
    assert list(read_checkpoint(path)['state_dict']) == list(NAMES[:2])


def test_two_models_in_one_file_are_refused(tmp_path):
    path = save(tmp_path / 'a.pth', [*NAMES, *(f'module.{name}' for name in NAMES)])
    with pytest.raises(ValueError, match=r'a\.pth holds a model twice'):
        read_checkpoint(path)


@pytest.mark.parametrize('suffix', ['.pth', '.safetensors'])
def test_mmengine_reads_both_formats(tmp_path, suffix):
    """A training that starts from published weights, and their test, load by MMEngine."""
    content = dict(state_dict=nn.Linear(2, 3).state_dict(), meta=dict(epoch=3))
    path = tmp_path / f'net{suffix}'
    path.write_bytes(checkpoint_bytes(content, suffix))
    runner = object.__new__(Runner)
    runner.model, runner._hooks, runner.logger = nn.Linear(2, 3), [], logging.getLogger('none')
    loaded = runner.load_checkpoint(str(path))
    assert loaded['meta']['epoch'] == 3
    assert torch.equal(runner.model.weight, content['state_dict']['weight'])
    path.write_bytes(b'none')
    with pytest.raises((ValueError, pickle.UnpicklingError), match=path.name):
        runner.load_checkpoint(str(path))
