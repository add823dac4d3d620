"""A checkpoint is used with the data that it was trained on, or the command ends."""

import logging
import re
import sys
from pathlib import Path

import pytest
import torch
from tiny_data import FAST_OPTIONS, tiny_samples
from tool_module import load_tool

from mmcl_ext import apis
from mmcl_ext.checkpoints.data_description import DATA_KEY, DataDescription, check_same_data
from mmcl_ext.checkpoints.load import load_deployed
from mmcl_ext.checkpoints.publish import publish
from mmcl_ext.checkpoints.strip import strip_checkpoint
from mmcl_ext.datasets.store import write_store
from mmcl_ext.evaluation.score_files import read_scores
from mmcl_ext.fileio.checkpoint import read_checkpoint
from mmcl_ext.graphs import get_layout
from mmcl_ext.inference import MMCLInferencer

REPO = Path(__file__).resolve().parents[2]
CLASSES = ('wave', 'kick', 'sit')
PIPELINE = [
    dict(type='CenterSkeleton', joint=1),
    dict(type='ValidCropResize', window=16, p_interval=(0.95,)),
    dict(type='SkeletonStream', stream='joint'),
    dict(type='FormatSkeleton', num_person=2, pad='zero'),
    dict(type='PackActionInputs', collect_keys=('keypoint',), meta_keys=('sample_name',)),
]


def write_data(path, classes=CLASSES, layout='nturgb+d'):
    samples = list(tiny_samples(num_classes=3, layout='nturgb+d'))
    names = [sample['name'] for sample in samples]
    splits = {'xsub_train': names[:8], 'xsub_val': names[8:]}
    write_store(path, samples, layout=layout, classes=classes, splits=splits)


# what differs: the field, options of the configuration, and a text of the message
CASES = {
    'stream': ('stream', dict(stream='bone'), r"stream is 'joint' in .*, 'bone' in"),
    'window': ('window', dict(window=24), 'window is 16 in .*, 24 in'),
    'centring': (
        'preprocessing',
        dict(step=(0, dict(type='CenterSkeleton', joint=0))),
        r'CenterSkeleton\(joint=1\) in .*, CenterSkeleton\(joint=0\)',
    ),
    'no_centring': (
        'preprocessing',
        dict(step=(0, dict(type='RandomScale'))),
        r'preprocessing is CenterSkeleton\(joint=1\) in .*, nothing besides in',
    ),
    'normalising': (
        'preprocessing',
        dict(step=(0, dict(type='NormalizeRange'))),
        r'CenterSkeleton\(joint=1\) in .*, NormalizeRange\(',
    ),
    'sampling': (
        'preprocessing',
        dict(step=(1, dict(type='PickFrames', num_frames=16))),
        r'ValidCropResize\(.* in .*, PickFrames\(',
    ),
    'persons': (
        'preprocessing',
        dict(step=(3, dict(type='FormatSkeleton', num_person=2, pad='copy'))),
        r'FormatSkeleton\(.*pad=zero\) in .*, FormatSkeleton\(.*pad=copy\)',
    ),
    'order': (
        'classes',
        dict(store='order'),
        "classes is 'wave' at place 0 in .*, 'kick' in",
    ),
    'names': ('classes', dict(store='names'), "classes is 'sit' at place 2 in .*, 'jump' in"),
    'backbone': (
        'backbone',
        {'model.backbone.relu_after_concat': True},
        'backbone is relu_after_concat=False in .*, relu_after_concat=True in',
    ),
    'layout': (
        'layout',
        dict(store='layout'),
        "layout is 'nturgb.d' with 25 joints in .*, 'mirrored' with",
    ),
}
SHORT = ('stream', 'order')
"""The rows that every tool runs in the default tests; the other pairs are marked slow."""


def write_config(root, name='config', *, stream='joint', window=16, store='same', **more):
    """Write a configuration of a small network and return its path."""
    config = apis.load_config('configs/skeleton/ctrgcn_ntu60.py', FAST_OPTIONS)
    steps = [dict(step) for step in PIPELINE]
    steps[1]['window'], steps[2]['stream'] = window, stream
    place, step = more.pop('step', (0, steps[0]))
    steps[place] = step
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
    write_data(root / 'order.safetensors', ('kick', 'wave', 'sit'))
    write_data(root / 'names.safetensors', ('wave', 'kick', 'jump'))
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


def tool(name):
    """Run the command of ``tools/`` that takes the model, its checkpoint and further words."""

    def run(cfg, path, checkpoint, root):
        words = WORDS[name]
        words = [str(word).format(path=path, checkpoint=checkpoint, root=root) for word in words]
        module = load_tool(REPO / 'tools' / name)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, 'argv', [name, *words])
            with pytest.raises(SystemExit) as stop:
                module.main()
        raise ValueError(str(stop.value).removeprefix('error: '))

    return run


MODEL = ('--model', '{path}', '--checkpoint', '{checkpoint}')
WORDS = {
    'infer.py': ('clip.npy', *MODEL),
    'stream.py': ('clip.npy', *MODEL),
    'web.py': MODEL,
    'checkpoint/publish.py': ('{path}', '{checkpoint}', '{root}/out.pth'),
    'deploy/export.py': ('{path}', '{checkpoint}', '{root}/out.ts', '--format', 'torchscript'),
}


def resume(cfg, path, checkpoint, root):
    cfg.resume, cfg.load_from = True, checkpoint
    apis.train_model(cfg)


def frozen_source(cfg, path, checkpoint, root):
    """Train a new head on the backbone: the classes may be others."""
    cfg.model.update(type='TransferRecognizer', source=checkpoint, frozen=True)
    apis.train_model(cfg)


TOOLS = {
    'test': lambda cfg, path, checkpoint, root: apis.test_model(cfg, checkpoint),
    'load': lambda cfg, path, checkpoint, root: load_deployed(path, checkpoint),
    'infer': lambda cfg, path, checkpoint, root: MMCLInferencer(path, checkpoint),
    'resume': resume,
    'frozen_source': frozen_source,
    **{name: tool(name) for name in WORDS},
}
PAIRS = [
    pytest.param(case, name, marks=() if case in SHORT or name == 'load' else pytest.mark.slow)
    for case in CASES
    for name in TOOLS
    if (CASES[case][0], name) != ('classes', 'frozen_source')
]


@pytest.mark.parametrize(('case', 'name'), PAIRS)
def test_what_differs_ends_the_command(trained, other_layout, tmp_path, case, name):
    field, options, message = CASES[case]
    path = write_config(trained, f'{case}_{name.replace("/", "_").replace(".", "_")}', **options)
    cfg = load(path, tmp_path)
    if field == 'layout':  # a graph with as many joints, so that the weights fit
        cfg.model.backbone.graph_cfg.layout = 'mirrored'
        cfg.dump(path)
    with pytest.raises(ValueError, match=message) as caught:
        TOOLS[name](cfg, path, checkpoint_of(trained), tmp_path)
    assert '\n' not in str(caught.value)
    assert f'allow_differences="{field}"' in str(caught.value)
    assert not list(tmp_path.glob('out*'))


@pytest.mark.parametrize('case', CASES)
def test_published_file_tells_the_same(trained, other_layout, tmp_path, case):
    """A published file is compared by what it holds, here with other data in a test."""
    _, options, message = CASES[case]
    published = publish(trained / 'config.py', checkpoint_of(trained), tmp_path / 'p.pth').path
    path = write_config(trained, f'{case}_published', **options)
    with pytest.raises(ValueError, match=message):
        load_deployed(path, published)


@pytest.mark.parametrize(
    'case', ['order', *(pytest.param(c, marks=pytest.mark.slow) for c in ('stream', 'layout'))]
)
def test_start_and_source_name_the_difference(trained, other_layout, tmp_path, caplog, case):
    """Weights that are trained further may meet other data; the log says so."""
    _, options, message = CASES[case]
    changes = {}
    if case == 'layout':
        changes = {'model.backbone.graph_cfg.layout': 'mirrored'}
    log = start(trained, tmp_path / 'a', caplog, **options, **changes)
    assert re.search(message, log)
    assert '100.0% of the weights loaded' in log
    source = {'model.type': 'TransferRecognizer', 'model.source': checkpoint_of(trained)}
    log = start(trained, tmp_path / 'b', caplog, None, **options, **changes, **source)
    assert 'not loaded: cls_head.fc.weight' in log
    assert bool(re.search(message, log)) is (case != 'order')  # the head is new


@pytest.mark.parametrize('case', ['stream', 'order'])
def test_what_is_allowed_passes(trained, tmp_path, case):
    field, options, _ = CASES[case]
    path = write_config(trained, f'{case}_allowed', **options, allow_differences=field)
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
    path = write_config(trained, 'old_classes', store='order')
    with pytest.raises(ValueError, match="classes is 'wave' at place 0"):
        load_deployed(path, tmp_path / 'old.pth')


def start(trained, tmp_path, caplog, checkpoint='', **options):
    """Start a training from the checkpoint, None for none, and return its log."""
    path = write_config(trained, f'start_{tmp_path.name}', **options)  # names the logger
    cfg = load(path, tmp_path, load_from=checkpoint_of(trained) if checkpoint == '' else checkpoint)
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
    for store in ('same', 'order'):
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
