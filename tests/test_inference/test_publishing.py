"""Stripped and published checkpoints, and what describes them."""

import hashlib
import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from inference_models import CONFIGS, NTU, SMALL
from mmengine.config import Config
from safetensors.torch import save_file

from mmcl_ext import MMCLInferencer
from mmcl_ext.apis import get_model, load_config
from mmcl_ext.checkpoints.load import load_deployed
from mmcl_ext.checkpoints.model_info import ModelInfo, plain_values
from mmcl_ext.checkpoints.publish import publish
from mmcl_ext.datasets.converters.utdmhad import UTDMHAD_CLASSES
from mmcl_ext.deployment import load_backend, read_model_info

REPO = Path(__file__).resolve().parents[2]


def tool(name, monkeypatch, *arguments):
    monkeypatch.setattr(sys, 'argv', [name, *map(str, arguments)])
    runpy.run_path(str(REPO / 'tools/checkpoint' / name))['main']()


def test_published_file(utd):
    path = utd['published']
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert path.name == f'utd-{digest[:8]}.pth'
    content = torch.load(path, weights_only=True)  # plain PyTorch, without our allow-list
    assert all(value.device.type == 'cpu' for value in content['state_dict'].values())
    info = ModelInfo.from_dict(content['meta']['model_info'])
    assert info.classes == UTDMHAD_CLASSES
    assert (info.layout, info.stream, info.num_person) == ('kinect_v1', 'joint', 1)
    assert (info.window, info.in_channels, info.average_clips) == (64, 3, 'score')
    assert info.joint_names[:2] == ('hip_center', 'spine')
    assert info.recipe['config'] == 'utd.py'
    assert info.recipe['license'] == 'none'
    assert info.pipeline[0]['type'] == 'CenterSkeleton'


def test_publishing_again_changes_nothing(utd, tmp_path):
    before = utd['published'].read_bytes()
    recipe = dict(license='none', metrics={'a': 1.0})
    for source in (utd['checkpoint'], utd['published']):
        again = publish(utd['config'], source, tmp_path / 'utd.pth', recipe)
        assert again.path.name == utd['published'].name
        assert again.path.read_bytes() == before
    kept = publish(utd['config'], utd['published'], tmp_path)  # into a folder; the recipe stays
    assert kept.info.recipe == again.info.recipe


def test_published_as_safetensors(utd, walk, tmp_path):
    recipe = dict(license='none', metrics={'a': 1.0})
    out = publish(utd['config'], utd['checkpoint'], tmp_path / 'utd.safetensors', recipe)
    digest = hashlib.sha256(out.path.read_bytes()).hexdigest()
    assert out.path.name == f'utd-{digest[:8]}.safetensors'
    again = publish(utd['config'], out.path, tmp_path / 'again.safetensors', recipe)
    assert again.path.read_bytes() == out.path.read_bytes()
    assert read_model_info(out.path) == read_model_info(utd['published'])
    states = [load_deployed(path)[0].state_dict() for path in (out.path, utd['published'])]
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[1])
    ours, wanted = (MMCLInferencer(path)(walk) for path in (out.path, utd['published']))
    np.testing.assert_array_equal(ours[0].pred_score, wanted[0].pred_score)
    run = load_backend(out.path)
    assert run(np.zeros((1, 1, 64, 20, 3), np.float32)).shape == (1, 27)
    assert type(get_model(out.path)) is type(get_model(utd['published']))


@pytest.mark.parametrize('meta', ['[]', '{', '[' * 100_000, '{"model_info": {"classes": 3}}'])
def test_safetensors_with_another_description(tmp_path, meta):
    path = tmp_path / 'a.safetensors'
    save_file({'weight': torch.ones(1)}, path, {'mmcl_ext.meta': meta})
    with pytest.raises(ValueError, match=r'a\.safetensors|model information'):
        load_deployed(path)


def test_descriptions_survive_json():
    for path in sorted((CONFIGS / 'skeleton').glob('*_n*.py'))[::7]:
        info = ModelInfo.from_cfg(load_config(path))
        assert ModelInfo.from_json(info.to_json()) == info
        assert json.loads(info.to_json()) == info.to_dict()
    bone = ModelInfo.from_cfg(load_config(NTU, dict(stream='bone')))
    assert bone.stream == 'bone'


def test_bad_descriptions():
    info = ModelInfo.from_cfg(load_config(NTU)).to_dict()
    with pytest.raises(ValueError, match='version 2; this release reads up to version 1'):
        ModelInfo.from_dict(info | dict(format_version=2))
    del info['classes']
    with pytest.raises(ValueError, match=r"lacks \['classes'\]"):
        ModelInfo.from_dict(info)
    with pytest.raises(ValueError, match='an object, got list'):
        ModelInfo.from_json('[]')
    with pytest.raises(ValueError, match='2 names of classes for a model of 60'):
        ModelInfo.from_cfg(load_config(NTU), classes=('a', 'b'))
    with pytest.raises(ValueError, match='cannot describe a model by a function'):
        plain_values(dict(a=[publish]))
    with pytest.raises(ValueError, match='nan cannot'):
        plain_values(float('nan'))
    with pytest.raises(ValueError, match='it lacks model, test_dataloader'):
        ModelInfo.from_cfg(Config(dict(lr=0.1)))


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(classes='abc'), 'classes is a str'),
        (dict(classes=['a', 3]), 'classes does not hold str alone'),
        (dict(classes=['a', 'b']), '2 classes for a head of 60'),
        (dict(pipeline=['CenterSkeleton']), 'pipeline does not hold Mapping alone'),
        (dict(window=6.4), 'window is a float'),
        (dict(model={}), '60 classes for a head of None'),
    ],
)
def test_descriptions_with_other_values(change, message):
    info = ModelInfo.from_cfg(load_config(NTU)).to_dict()
    with pytest.raises(ValueError, match=message):
        ModelInfo.from_dict(info | change)


def test_published_by_another_release(utd, tmp_path):
    """What this release does not know is an error in one sentence."""
    for place, change, message in (
        (('model', 'backbone'), dict(type='Novelty'), 'cannot build the model: Novelty is not in'),
        (('model', 'backbone'), dict(novelty=1), "describes no model of this release: .*'novelty'"),
        (('pipeline', 0), dict(type='Novelty'), "cannot build the transform 'Novelty'"),
        (('pipeline', 0), dict(novelty=1), 'cannot build the transform .*novelty'),
    ):
        content = torch.load(utd['published'], weights_only=True)
        part = content['meta']['model_info']
        for key in place:
            part = part[key]
        part.update(change)
        torch.save(content, tmp_path / 'later.pth')
        with pytest.raises(ValueError, match=message):
            MMCLInferencer(tmp_path / 'later.pth')


def test_custom_layout_travels_along(tmp_path):
    """The file alone tells another process what its joints are."""
    layout = dict(name='stick', joint_names=list('abc'), edges=[[1, 0], [2, 0]], center=0)
    cfg = load_config(NTU, SMALL)
    graph = dict(type='SkeletonGraph', layout=layout, mode='spatial')
    cfg.model.backbone.graph_cfg = graph
    info = ModelInfo.from_json(ModelInfo.from_cfg(cfg).to_json())
    assert (info.layout, info.joint_names) == ('stick', ('a', 'b', 'c'))
    assert info.ensure_layout() == 'stick'
    other = ModelInfo.from_dict(info.to_dict() | dict(skeleton=info.skeleton | dict(center=0)))
    assert other.ensure_layout() == 'stick'
    turned = info.skeleton | dict(joint_names=list('cba'))
    with pytest.raises(ValueError, match="layout 'stick' is not the one"):
        ModelInfo.from_dict(info.to_dict() | dict(skeleton=turned)).ensure_layout()


def test_publish_tool(utd, tmp_path, monkeypatch, capsys):
    arguments = (utd['config'], utd['checkpoint'], tmp_path / 'model')
    tool('publish.py', monkeypatch, *arguments, '--metrics', 'top1=92.5', '--license', 'MIT')
    *_, digest, path = capsys.readouterr().out.splitlines()
    assert digest == f'sha256 {hashlib.sha256(Path(path).read_bytes()).hexdigest()}'
    assert load_deployed(path)[1].recipe['metrics'] == dict(top1=92.5)
    for wrong, message in (
        (('--metrics', 'top1=high'), 'NAME=VALUE with a number'),
        (('--metrics', 'top1=nan'), 'nan cannot be written'),
    ):
        with pytest.raises(SystemExit, match=message):
            tool('publish.py', monkeypatch, *arguments, *wrong)
    (tmp_path / 'other.py').write_text('lr = 0.1')
    with pytest.raises(SystemExit, match='error: no configuration of a training: it lacks model'):
        tool('publish.py', monkeypatch, tmp_path / 'other.py', *arguments[1:])


def test_weights_that_are_not_finite(utd, tmp_path, monkeypatch):
    content = torch.load(utd['checkpoint'], weights_only=True)
    content['state_dict']['cls_head.fc.weight'][0, :3] = float('nan')
    torch.save(content, tmp_path / 'nan.pth')
    message = "3 values of 'cls_head.fc.weight' are not finite"
    with pytest.raises(SystemExit, match=message):
        tool('publish.py', monkeypatch, utd['config'], tmp_path / 'nan.pth', tmp_path / 'out')
    assert [path.name for path in tmp_path.iterdir()] == ['nan.pth']


def test_checkpoints_that_do_not_fit(utd, tmp_path):
    content = torch.load(utd['checkpoint'], weights_only=True)
    state = content['state_dict']
    cases = {
        "'cls_head.fc.bias' is missing": {k: v for k, v in state.items() if 'fc.bias' not in k},
        "'extra' has no place in the model": state | {'extra': torch.zeros(1)},
        '1 entry does not fit the model': state | {'cls_head.fc.bias': torch.zeros(5)},
    }
    for message, changed in cases.items():
        torch.save(dict(content, state_dict=changed), tmp_path / 'bad.pth')
        with pytest.raises(ValueError, match=message):
            load_deployed(utd['config'], tmp_path / 'bad.pth')
    with pytest.raises(ValueError, match='is not a published checkpoint: give its configuration'):
        MMCLInferencer(utd['checkpoint'])
    with pytest.raises(FileNotFoundError, match='there is no checkpoint'):
        MMCLInferencer(tmp_path / 'absent.pth')
    (tmp_path / 'empty.pth').write_bytes(b'')
    (tmp_path / 'text.pth').write_text('hello')
    for name in ('empty.pth', 'text.pth'):
        with pytest.raises(ValueError, match='not a readable checkpoint'):
            MMCLInferencer(tmp_path / name)


def test_strip_tool(tmp_path, monkeypatch, capsys):
    state = {'backbone.w': torch.ones(2), 'co_learning.w': torch.ones(1000)}
    torch.save(dict(state_dict=state, meta={}, optimizer={}), tmp_path / 'epoch_3.pth')
    tool('strip.py', monkeypatch, tmp_path / 'epoch_3.pth')
    content = torch.load(tmp_path / 'epoch_3_skeleton.pth', weights_only=True)
    assert set(content) == {'meta', 'state_dict'}
    assert set(content['state_dict']) == {'backbone.w'}
    assert '1 train-only entries left out' in capsys.readouterr().out
    (tmp_path / 'text.pth').write_text('hello')
    torch.save([1, 2], tmp_path / 'list.pth')
    for arguments, message in (
        ((tmp_path / 'absent.pth',), 'absent.pth'),
        ((tmp_path / 'text.pth',), r'text\.pth is not a readable checkpoint'),
        ((tmp_path / 'list.pth',), r'list\.pth holds no state dictionary'),
        ((tmp_path / 'epoch_3.pth', tmp_path / 'epoch_3.pth'), 'would be overwritten'),
    ):
        with pytest.raises(SystemExit, match=message):
            tool('strip.py', monkeypatch, *arguments)
    assert len(list(tmp_path.iterdir())) == 4  # the three and what was stripped


def test_unknown_backend(utd):
    with pytest.raises(ValueError, match=r"backend is one of .* got 'tensorrt'"):
        MMCLInferencer(utd['published'], backend='tensorrt')
    with pytest.raises(ValueError, match='batch_size'):
        MMCLInferencer(utd['published'], batch_size=0)
    np.testing.assert_array_equal(MMCLInferencer(utd['published']).classes, UTDMHAD_CLASSES)
