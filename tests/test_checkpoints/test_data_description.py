"""A checkpoint is used with the data that it was trained on, or the command ends."""

import logging
import sys

import pytest
import torch
from tiny_data import FAST_OPTIONS, tiny_samples

from mmcl_ext import apis
from mmcl_ext.checkpoints.data_description import DATA_KEY, DataDescription, check_same_data
from mmcl_ext.checkpoints.load import load_deployed
from mmcl_ext.checkpoints.publish import publish
from mmcl_ext.checkpoints.strip import strip_checkpoint
from mmcl_ext.datasets.store import write_store
from mmcl_ext.deployment.export import export
from mmcl_ext.evaluation import read_scores
from mmcl_ext.fileio.checkpoint import read_checkpoint
from mmcl_ext.graphs import get_layout
from mmcl_ext.inference import MMCLInferencer

CLASSES = ('wave', 'kick', 'sit')
PIPELINE = [
    dict(type='CenterSkeleton', joint=1),
    dict(type='ValidCropResize', window=16, p_interval=(0.95,)),
    dict(type='SkeletonStream', stream='joint'),
    dict(type='FormatSkeleton', num_person=2),
    dict(type='PackActionInputs', collect_keys=('keypoint',), meta_keys=('sample_name',)),
]


def write_data(path, classes=CLASSES, layout='nturgb+d'):
    samples = list(tiny_samples(num_classes=3, layout='nturgb+d'))
    names = [sample['name'] for sample in samples]
    splits = {'xsub_train': names[:8], 'xsub_val': names[8:]}
    write_store(path, samples, layout=layout, classes=classes, splits=splits)


# what differs: field, options of the configuration, and a text of the message
CASES = {
    'stream': (dict(stream='bone'), r"stream is 'joint' in .*, 'bone' in"),
    'window': (dict(window=24), 'window is 16 in .*, 24 in'),
    'preprocessing': (dict(joint=0), r'CenterSkeleton\(joint=1\) in .*, CenterSkeleton\(joint=0\)'),
    'classes': (dict(store='classes'), "classes is 'wave' at place 0 in .*, 'kick' in"),
    'backbone': (
        {'model.backbone.relu_after_concat': True},
        'backbone is relu_after_concat=False in .*, relu_after_concat=True in',
    ),
    'layout': (dict(store='layout'), "layout is 'nturgb.d' with 25 joints in .*, 'mirrored' with"),
}


def write_config(root, name='config', *, stream='joint', window=16, joint=1, store='same', **more):
    """Write a configuration of a small network and return its path."""
    config = apis.load_config('configs/skeleton/ctrgcn_ntu60.py', FAST_OPTIONS)
    steps = [dict(step) for step in PIPELINE]
    steps[0]['joint'], steps[1]['window'], steps[2]['stream'] = joint, window, stream
    for loader in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        config[loader].dataset.pipeline = steps
        config[loader].dataset.ann_file = str(root / f'{store}.safetensors')
    config.stream = stream
    config.train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=1)
    config.val_cfg = config.val_dataloader = config.val_evaluator = None
    config.model.cls_head.num_classes = more.pop('num_classes', 3)
    config.merge_from_dict(more)
    path = root / f'{name}.py'
    config.dump(path)
    return path


def load(path, root, **changes):
    cfg = apis.load_config(path)
    cfg.launcher, cfg.work_dir = 'none', str(root / 'again')
    cfg.merge_from_dict(changes)
    return cfg


@pytest.fixture(scope='module')
def trained(repo, tmp_path_factory):
    """Train once; give the folder."""
    import os

    os.chdir(repo)
    root = tmp_path_factory.mktemp('trained')
    write_data(root / 'same.safetensors')
    write_data(root / 'classes.safetensors', ('kick', 'wave', 'sit'))
    write_data(root / 'fewer.safetensors', CLASSES)
    cfg = apis.load_config(write_config(root))
    cfg.launcher, cfg.work_dir = 'none', str(root / 'work')
    apis.train_model(cfg)
    return root


@pytest.fixture
def other_layout(trained):
    from mmcl_ext.graphs.layouts import _LAYOUTS, register_layout

    ours = get_layout('nturgb+d')
    names = tuple(reversed(ours.joint_names))
    edges = tuple((24 - child, 24 - parent) for child, parent in ours.edges)
    layout = dict(name='mirrored', joint_names=names, edges=edges, center=24 - ours.center)
    from mmcl_ext.graphs.layout import Layout

    register_layout(Layout.from_dict(layout))
    write_data(trained / 'layout.safetensors', layout='mirrored')
    yield
    _LAYOUTS.pop('mirrored')


def checkpoint_of(trained):
    return str(trained / 'work/epoch_1.pth')


def test_training_writes_the_description(trained):
    data = DataDescription.from_meta(read_checkpoint(checkpoint_of(trained))['meta'])
    assert (data.stream, data.layout, data.window) == ('joint', 'nturgb+d', 16)
    assert (data.classes, data.num_classes) == (CLASSES, 3)
    assert data.joints == get_layout('nturgb+d').joint_names
    assert [step['type'] for step in data.preprocessing] == [step['type'] for step in PIPELINE]


def test_stripping_and_publishing_keep_it(trained, tmp_path):
    strip_checkpoint(checkpoint_of(trained), tmp_path / 'stripped.pth')
    whole, stripped = (
        read_checkpoint(path)['meta'][DATA_KEY]
        for path in (checkpoint_of(trained), tmp_path / 'stripped.pth')
    )
    assert whole == stripped
    published = publish(trained / 'config.py', tmp_path / 'stripped.pth', tmp_path)
    data = DataDescription.from_meta(read_checkpoint(published.path)['meta'])
    assert data.differences(DataDescription.from_meta({DATA_KEY: whole})) == {}
    torch.load(tmp_path / 'stripped.pth', weights_only=True)


TOOLS = {
    'test': lambda cfg, path, checkpoint, root: apis.test_model(cfg, checkpoint),
    'publish': lambda cfg, path, checkpoint, root: publish(path, checkpoint, root / 'out.pth'),
    'load': lambda cfg, path, checkpoint, root: load_deployed(path, checkpoint),
    'infer': lambda cfg, path, checkpoint, root: MMCLInferencer(path, checkpoint),
    'export': lambda cfg, path, checkpoint, root: export(path, checkpoint, root / 'out.onnx'),
}


def resume(cfg, path, checkpoint, root):
    cfg.resume, cfg.load_from = True, checkpoint
    apis.train_model(cfg)


@pytest.mark.parametrize('tool', [*TOOLS, 'resume'])
@pytest.mark.parametrize('field', CASES)
def test_what_differs_ends_the_command(trained, other_layout, tmp_path, field, tool):
    if tool == 'export':
        pytest.importorskip('onnxscript', reason='exporting needs the extra deploy')
    options, message = CASES[field]
    path = write_config(trained, f'{field}_{tool}', **options)
    cfg = load(path, tmp_path)
    if field == 'layout':  # a graph with as many joints, so that the weights fit
        cfg.model.backbone.graph_cfg.layout = 'mirrored'
        cfg.dump(path)
    run = TOOLS.get(tool, resume)
    with pytest.raises(ValueError, match=message) as caught:
        run(cfg, path, checkpoint_of(trained), tmp_path)
    assert '\n' not in str(caught.value)
    assert f'allow_differences="{field}"' in str(caught.value)
    assert not (tmp_path / 'out.pth').exists()


@pytest.mark.parametrize('field', ['stream', 'classes'])
def test_what_is_allowed_passes(trained, tmp_path, field):
    options = dict(CASES[field][0], allow_differences=field)
    path = write_config(trained, f'{field}_allowed', **options)
    apis.test_model(load(path, tmp_path), checkpoint_of(trained))
    load_deployed(path, checkpoint_of(trained))


def test_the_same_data_pass(trained, tmp_path):
    """Defaults that are written out, and other random transforms, are no difference."""
    cfg = load(trained / 'config.py', tmp_path)
    steps = cfg.test_dataloader.dataset.pipeline
    steps[1].min_length, steps[1].p_interval = 64, 0.95
    cfg.test_dataloader.dataset.pipeline = [dict(type='RandomScale'), *steps]
    assert apis.test_model(cfg, checkpoint_of(trained))


def test_an_old_checkpoint_says_less(trained, tmp_path):
    content = torch.load(checkpoint_of(trained), weights_only=False)
    del content['meta'][DATA_KEY]
    torch.save(content, tmp_path / 'old.pth')
    path = write_config(trained, 'old', stream='bone')
    load_deployed(path, tmp_path / 'old.pth')
    torch.save(dict(state_dict=content['state_dict']), tmp_path / 'bare.pth')
    load_deployed(path, tmp_path / 'bare.pth')
    path = write_config(trained, 'old_classes', store='classes')
    with pytest.raises(ValueError, match="classes is 'wave' at place 0"):
        load_deployed(path, tmp_path / 'old.pth')


def start(trained, tmp_path, caplog, checkpoint=None, **options):
    """Start a training from the checkpoint and return the log before the first step."""
    path = write_config(trained, 'start', **options)
    cfg = load(path, tmp_path, load_from=checkpoint or checkpoint_of(trained))
    logger = logging.getLogger('mmengine')
    with caplog.at_level(logging.INFO):
        logger.addHandler(caplog.handler)
        apis.train_model(cfg)
    return (tmp_path / 'again').glob('*/*.log').__next__().read_text()


def test_a_start_says_what_was_loaded(trained, tmp_path, caplog):
    log = start(trained, tmp_path, caplog, stream='bone', num_classes=4)
    line = next(line for line in log.splitlines() if 'weights loaded' in line)
    assert 'not loaded: cls_head.fc.weight, cls_head.fc.bias' in line
    assert log.index(line) < log.index('Epoch(train)')
    assert "stream is 'joint' in" in log


def test_a_start_without_any_weight_stops(trained, tmp_path, caplog):
    torch.save(dict(state_dict={'encoder.weight': torch.ones(1)}), tmp_path / 'other.pth')
    with pytest.raises(ValueError, match=r"fits none of the \d+ weights .* 'encoder\.weight'"):
        start(trained, tmp_path, caplog, str(tmp_path / 'other.pth'))


def test_a_head_for_other_classes_is_not_kept(trained, tmp_path, caplog):
    write_data(trained / 'many.safetensors', (*CLASSES, 'jump'))
    with pytest.raises(ValueError, match=r'classes is 3 .*set model\.cls_head\.num_classes=4'):
        start(trained, tmp_path, caplog, store='many')


@pytest.mark.parametrize('kind', ['stripped', 'bare'])
def test_resuming_needs_a_whole_checkpoint(trained, tmp_path, kind):
    path = tmp_path / f'{kind}.pth'
    strip_checkpoint(checkpoint_of(trained), path)
    if kind == 'bare':
        torch.save(read_checkpoint(path)['state_dict'], path)
    cfg = load(trained / 'config.py', tmp_path, resume=True, load_from=str(path))
    with pytest.raises(ValueError, match=r'cannot resume from .*: it holds weights alone'):
        apis.train_model(cfg)


def test_resuming_with_another_head(trained, tmp_path):
    path = write_config(trained, 'head', num_classes=5)
    cfg = load(path, tmp_path, resume=True, load_from=checkpoint_of(trained))
    with pytest.raises(ValueError, match=r"cannot resume.*'cls_head\.fc\.weight' has shape \(3,"):
        apis.train_model(cfg)


def test_a_missing_start_is_named(trained, tmp_path):
    cfg = load(trained / 'config.py', tmp_path, load_from='absent.pth')
    with pytest.raises(FileNotFoundError, match=r"there is no checkpoint 'absent\.pth'"):
        apis.train_model(cfg)


def test_scores_of_other_classes_are_not_fused(trained, tmp_path):
    scores = []
    for store in ('same', 'classes'):
        path = write_config(trained, f'dump_{store}', store=store, allow_differences='classes')
        cfg = load(path, tmp_path)
        apis.add_dump(cfg, str(tmp_path / f'{store}.pkl'))
        apis.test_model(cfg, checkpoint_of(trained))
        scores.append(read_scores(tmp_path / f'{store}.pkl'))
    assert scores[0].classes == CLASSES
    with pytest.raises(ValueError, match=r"classes is 'kick' at place 0 in .*, 'wave' in"):
        scores[1].aligned_to(scores[0])


def test_bones_need_the_same_parents():
    ours, theirs = (
        DataDescription.of([dict(type='SkeletonStream', stream='bone')], dict(layout=layout))
        for layout in ('nturgb+d', 'nturgb+d-ctrgcn')
    )
    with pytest.raises(ValueError, match=r'layout is .* in a, .* in b'):
        check_same_data(ours, theirs, 'a', 'b')
    joints = (
        DataDescription.of([dict(type='SkeletonStream')], dict(layout=layout))
        for layout in ('nturgb+d', 'nturgb+d-ctrgcn')
    )
    check_same_data(*joints, 'a', 'b')


@pytest.mark.parametrize(
    'wrong', [dict(classes=5), dict(classes=[1]), dict(preprocessing=['x']), dict(window='a')]
)
def test_a_hostile_description_is_refused(wrong):
    with pytest.raises(ValueError, match=f'does not describe its data: {next(iter(wrong))} is'):
        DataDescription.from_meta({DATA_KEY: wrong})


def test_names_of_a_file_are_not_imported():
    steps = ({'type': 'antigravity.Step'}, {})
    data = DataDescription.from_meta({DATA_KEY: dict(preprocessing=steps)})
    assert list(data.differences(DataDescription(preprocessing=()))) == ['preprocessing']
    assert 'antigravity' not in sys.modules
