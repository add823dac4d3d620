"""Layouts by file and from the store: the same in every tool, and inside of what is published."""

import json

import pytest
from mmengine.config import Config
from tiny_data import FAST_OPTIONS, tiny_samples
from tool_module import load_tool, run_main

from mmcl_ext import apis
from mmcl_ext.checkpoints.load import load_deployed
from mmcl_ext.checkpoints.publish import publish
from mmcl_ext.checkpoints.published_config import published_config
from mmcl_ext.config.user_errors import UserError
from mmcl_ext.datasets import SkeletonDataset
from mmcl_ext.datasets.converters import convert_pickle
from mmcl_ext.datasets.converters.pickle_file import export_pickle
from mmcl_ext.datasets.store import SkeletonStore, write_store
from mmcl_ext.graphs import get_layout, register_layout
from mmcl_ext.graphs.layout import Layout, conflict
from mmcl_ext.graphs.layouts import _LAYOUTS
from mmcl_ext.registry import GRAPHS

MINE = dict(
    name='mine',
    joint_names=['hip', 'chest', 'head', 'left', 'right'],
    edges=[[1, 0], [2, 1], [3, 1], [4, 1]],
    center=0,
    pairs=[[3, 4]],
)
OPTIONS = {
    'model.backbone.num_person': 2,
    'model.cls_head.num_classes': 3,
    'train_cfg.max_epochs': 1,
    'val_cfg': None,
    'val_dataloader': None,
    'val_evaluator': None,
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder with a store of the layout and its file; the layout is not known yet."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'mine.json').write_text(json.dumps(MINE))
    register_layout(MINE)
    samples = list(tiny_samples(layout='mine'))
    names = [sample['name'] for sample in samples]
    splits = dict(xsub_train=names[:8], xsub_val=names[8:])
    write_store('data.safetensors', samples, layout='mine', classes='abc', splits=splits)
    del _LAYOUTS['mine']
    yield tmp_path
    _LAYOUTS.pop('mine', None)


def load(layout, **options):
    files = {f'{k}_dataloader.dataset.ann_file': 'data.safetensors' for k in ('train', 'test')}
    graph = {'model.backbone.graph_cfg.layout': layout}
    cfg = apis.get_config('skeleton/ctrgcn_ntu60', {**FAST_OPTIONS, **files, **graph, **options})
    for name, value in OPTIONS.items():
        cfg.merge_from_dict({name: value})
    cfg.launcher = 'none'
    return cfg


def forget(folder):
    (folder / 'mine.json').unlink()
    (folder / 'data.safetensors').unlink()
    forget_layout()


def forget_layout():
    _LAYOUTS.pop('mine')


@pytest.mark.parametrize('layout', ['mine.json', 'store'])
def test_what_is_trained_and_published_holds_the_layout(folder, layout):
    cfg = load(layout)
    assert cfg.model.backbone.graph_cfg.layout['joint_names'] == MINE['joint_names']
    apis.train_model(cfg, work_dir='work')
    assert apis.test_model(cfg, 'work/epoch_1.pth', work_dir='test')
    [dumped] = (folder / 'work').glob('*.py')
    published = publish(dumped, 'work/epoch_1.pth', 'p.pth').path
    export_pickle('data.safetensors', 'data.pkl')
    forget(folder)
    model, info = load_deployed(published)
    assert info.joint_names == tuple(MINE['joint_names'])
    assert model.backbone.graph.layout == Layout.from_dict(MINE) == get_layout('mine')
    forget_layout()
    with published_config(published, 'data.pkl', 'xsub_val') as test:
        assert apis.test_model(test, published, work_dir='again')
    again = Config.fromfile(dumped).model.backbone.graph_cfg.layout
    assert Layout.from_dict(again) == Layout.from_dict(MINE)


def test_a_built_in_layout_of_a_store_stays_what_it_is(folder):
    samples = list(tiny_samples(layout='kinect_v1'))
    write_store('data.safetensors', samples, layout='kinect_v1', classes='abc', splits={})
    cfg = load('store')
    assert Layout.from_dict(cfg.model.backbone.graph_cfg.layout) == get_layout('kinect_v1')


def test_files_in_graphs_data_sets_and_transforms(folder):
    graph = GRAPHS.build(dict(type='mmcl_ext.SkeletonGraph', layout='mine.json'))
    assert graph.num_joints == 5
    assert SkeletonDataset('data.safetensors', None, layout='mine.json').layout == 'mine'
    step = dict(type='InterpolateJoints', target='mine.json')
    cfg = load('store', **{'test_dataloader.dataset.pipeline': [step]})
    assert cfg.test_dataloader.dataset.pipeline[0].target == MINE


@pytest.mark.parametrize(
    ('layout', 'error', 'message'),
    [
        ('absent.json', FileNotFoundError, r"no layout file 'absent\.json', looked for in /"),
        ('text.json', UserError, r'text\.json: no JSON that can be read'),
        ('list.json', UserError, r'list\.json: expected a dict, got \[1\]'),
        ('bare.json', UserError, r"bare\.json: a layout is an object with a 'name'"),
    ],
)
def test_a_wrong_file_is_named(folder, layout, error, message):
    (folder / 'text.json').write_text('no json')
    (folder / 'list.json').write_text('[1]')
    (folder / 'bare.json').write_text('{}')
    with pytest.raises(error, match=message):
        load(layout)


@pytest.mark.parametrize(
    ('file', 'error', 'message'),
    [
        ('absent.safetensors', FileNotFoundError, "layout='store': annotation file absent"),
        ('a.pkl', UserError, r"layout='store' needs a store \(.safetensors\), got a\.pkl"),
    ],
)
def test_a_store_without_layout_is_named(folder, file, error, message):
    with pytest.raises(error, match=message):
        load('store', **{'train_dataloader.dataset.ann_file': file})


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (
            dict(edges=[[1, 0], [2, 0], [3, 1], [4, 1]]),
            r"two layouts are called 'mine': .*\(2, 0\)",
        ),
        (
            dict(joint_names=['hip', 'chest', 'head', 'right', 'left'], name='other'),
            "joint 3 is 'left' in 'mine', 'right' in 'other'",
        ),
    ],
)
def test_graph_and_store_have_to_agree(folder, change, message):
    """In training, test and wherever a checkpoint is loaded with its configuration."""
    right = load('store')
    apis.train_model(right, work_dir='work')
    (folder / 'mine.json').write_text(json.dumps(MINE | change))
    cfg = load('mine.json')
    with pytest.raises(ValueError, match=message):
        apis.train_model(cfg, work_dir='other')
    with pytest.raises(ValueError, match=message):
        apis.test_model(cfg, 'work/epoch_1.pth', work_dir='other')
    cfg.dump('wrong.py')
    with pytest.raises(ValueError, match=message) as caught:
        load_deployed('wrong.py', 'work/epoch_1.pth')
    assert '\n' not in str(caught.value)


def test_layouts_of_one_name_or_of_two():
    ours = get_layout('nturgb+d')
    assert conflict(ours, get_layout('nturgb+d-ctrgcn')) is None
    assert conflict(ours, ours) is None
    assert conflict(ours, get_layout('coco')) == "'nturgb+d' has 25 joints, 'coco' 17"


def test_commands_take_the_file_where_a_pickle_is_silent(folder, repo, monkeypatch, capsys):
    """What no store says is said by --layout, the same in every command."""
    export_pickle('data.safetensors', 'data.pkl')
    _LAYOUTS.pop('mine')
    options = dict(classes=('a', 'b', 'c'), dtype='float32', progress=False)
    convert_pickle('data.pkl', 'again.safetensors', layout='mine.json', **options)
    again, data = (SkeletonStore(f'{name}.safetensors') for name in ('again', 'data'))
    assert again.checksum() == data.checksum()
    words = ['--num', '1', '--draws', '0', '--motion', 'none']
    browse = load_tool(repo / 'tools/analysis/browse_dataset.py')
    status, _, error = run_main(browse, ['data.pkl', *words], monkeypatch, capsys)
    assert status == 1
    assert 'needs a layout: V = 5 is not known' in error
    _LAYOUTS.pop('mine')
    words += ['--layout', 'mine.json']
    status, out, error = run_main(browse, ['data.pkl', *words], monkeypatch, capsys)
    assert (status, error) == (0, '')
    assert 'sample000' in out
