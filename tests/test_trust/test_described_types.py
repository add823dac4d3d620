"""A model file may name registered types that do no harm, and nothing else."""

import inspect
import json
import re
import resource
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from inference_models import CONFIGS, SMALL
from mmengine.registry import Registry
from torch import nn

from mmcl_ext.apis import load_config
from mmcl_ext.checkpoints.described_types import admitted_types
from mmcl_ext.checkpoints.load import build_from_info, build_pipeline
from mmcl_ext.checkpoints.model_info import ModelInfo
from mmcl_ext.config.walk import walk
from mmcl_ext.deployment import read_model_info
from mmcl_ext.deployment.model_file import METADATA_KEY
from mmcl_ext.inference import MMCLInferencer
from mmcl_ext.registry import GRAPHS, MODELS, TRANSFORMS

ATTACK = 'subprocess.Popen'
PLACES = [
    ('model',),
    ('model', 'backbone'),
    ('model', 'backbone', 'graph_cfg'),
    ('model', 'backbone', 'graph_cfg', 'layout'),
    ('model', 'cls_head'),
    ('model', 'cls_head', 'loss_cls'),
    ('model', 'data_preprocessor'),
    ('pipeline', 0),
    ('pipeline', 1, 'transforms'),
]


def put(values, place, item):
    for key in place[:-1]:
        values = values[key]
    values[place[-1]] = item


def command(marker: Path, kind: str = ATTACK) -> dict:
    # GCNHead's check of the number of classes wants to see it.
    return dict(type=kind, args=['touch', str(marker)], num_classes=27)


def changed(published: Path, target: Path, *changes) -> Path:
    content = torch.load(published, weights_only=True)
    for place, item in changes:
        put(content['meta']['model_info'], place, item)
    torch.save(content, target)
    return target


def refused(path: Path, match: str = '', **options) -> None:
    with pytest.raises(ValueError, match=match or None) as caught:
        MMCLInferencer(path, **options)
    assert path.name in str(caught.value)
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize('place', PLACES, ids=str)
def test_commands_are_not_run(published, tmp_path, place):
    marker = tmp_path / 'marker'
    refused(changed(published, tmp_path / 'x.pth', (place, command(marker))))
    assert not marker.exists()


@pytest.mark.parametrize(
    'kind',
    [
        'subprocess.Popen',
        'os.system',
        'builtins.eval',
        'mmcl_ext.subprocess.Popen',
        'mmengine.registry.registry.import_module',
        'mmengine.Config.fromfile',
        'mmaction.models.backbones.stgcn.import_module',
        'antigravity',
        '..',
        '',
        '.Popen',
        'TransferRecognizer',
        'mmcl_ext.TransferRecognizer',
        'mmcl_ext.models.recognizers.transfer_recognizer.TransferRecognizer',
        'mmaction.UniFormerV2',
        'StochasticWeightAverage',
        'CoLearning',
        'ImageEncoder',
        'LoadRGBFromFile',
        7,
        None,
        ['subprocess.Popen'],
    ],
)
def test_types_that_are_not_admitted(published, tmp_path, kind):
    marker = tmp_path / 'marker'
    refused(
        changed(published, tmp_path / 'x.pth', (('model', 'backbone'), command(marker, kind))),
        'cannot build the model|may not name',
    )
    assert not marker.exists()


@pytest.mark.parametrize(
    'kind', ['LoadRGBFromFile', 'mmaction.ImgAug', 'TorchVisionWrapper', 'LoadImageFromFile']
)
def test_transforms_that_open_files_or_import(published, tmp_path, kind):
    step = dict(type=kind, transforms='default', op='Resize')
    refused(changed(published, tmp_path / 'x.pth', (('pipeline', 0), step)), 'may not name')


def test_arguments_import_nothing(published, tmp_path, monkeypatch):
    """MMAction2's networks look names of layers up that are plain arguments."""
    (tmp_path / 'evil_layer.py').write_text(
        f'open({str(tmp_path / "marker")!r}, "w").close()\nclass Norm: pass\n'
    )
    (tmp_path / 'evil').mkdir()
    (tmp_path / 'evil/registry.py').write_text(f'open({str(tmp_path / "marker")!r}, "w")\n')
    monkeypatch.syspath_prepend(tmp_path)
    graph = dict(layout='nturgb+d', mode='stgcn_spatial')
    for number, name in enumerate(('evil_layer.Norm', 'evil_layer', 'evil.Norm')):
        backbone = dict(type='mmaction.STGCN', graph_cfg=graph, gcn_norm=name, tcn_norm=name)
        refused(changed(published, tmp_path / f'{number}.pth', (('model', 'backbone'), backbone)))
    assert not (tmp_path / 'marker').exists()


@pytest.mark.parametrize('scope', ['os', 'evil', 'mmdet', 3])
def test_scopes(published, tmp_path, scope):
    refused(changed(published, tmp_path / 'a.pth', (('scope',), scope)))
    refused(changed(published, tmp_path / 'b.pth', (('model', '_scope_'), scope)))


def test_initial_weights_are_not_fetched(published, tmp_path, monkeypatch):
    """The weights come with the file, so that what would load others is left out."""
    init = dict(type='Pretrained', checkpoint=str(tmp_path / 'absent.pth'))
    path = changed(published, tmp_path / 'x.pth', (('model', 'init_cfg'), init))
    model = build_from_info(read_model_info(path))
    assert model.init_cfg is None


@pytest.mark.parametrize(
    'value',
    [
        torch.zeros(2),
        [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[0]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]],
        ['x'] * 200_000,
        'x' * 200_000,
    ],
    ids=['tensor', 'deep', 'many', 'long'],
)
def test_descriptions_are_plain_and_moderate(published, tmp_path, value):
    path = changed(published, tmp_path / 'x.pth', (('recipe', 'note'), value))
    with pytest.raises(ValueError, match='model information'):
        read_model_info(path)


@pytest.mark.parametrize(
    ('place', 'value'),
    [
        (('model', 'backbone', 'base_channels'), 10**9),
        (('model', 'backbone', 'base_channels'), 10**6),
        (('model', 'backbone', 'in_channels'), 10**6),
        (('model', 'backbone', 'num_stages'), 10**6),
        (('model', 'backbone', 'num_person'), 10**6),
        (('model', 'backbone', 'graph_cfg', 'num_filter'), 10**6),
        (('pipeline', 1, 'window'), 10**12),
        (('pipeline', 1, 'window'), 10**6),
        (('pipeline', 0), dict(type='UniformSample', clip_len=10**5, num_clips=10**5)),
        (('pipeline', 0), dict(type='mmaction.Resize', scale=[10**5, 10**5])),
        (('model', 'backbone', 'graph_cfg', 'layout'), dict(num_node=10**5, edges=[], center=0)),
        (('skeleton', 'joint_names'), ['joint'] * 5000),
    ],
    ids=str,
)
def test_numbers_that_take_the_memory(published, tmp_path, place, value):
    path = changed(published, tmp_path / 'x.pth', (place, value))
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    refused(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**20  # KiB
    assert time.process_time() - started < 20


def test_onnx_metadata(published, tmp_path):
    onnx = pytest.importorskip('onnx')
    marker = tmp_path / 'marker'
    values = torch.load(published, weights_only=True)['meta']['model_info']
    values['pipeline'][0] = command(marker)
    x = onnx.helper.make_tensor_value_info('x', onnx.TensorProto.FLOAT, [1])
    y = onnx.helper.make_tensor_value_info('y', onnx.TensorProto.FLOAT, [1])
    node = onnx.helper.make_node('Identity', ['x'], ['y'])
    model = onnx.helper.make_model(
        onnx.helper.make_graph([node], 'g', [x], [y]),
        opset_imports=[onnx.helper.make_opsetid('', 18)],
        ir_version=9,
    )
    entry = model.metadata_props.add()
    entry.key, entry.value = METADATA_KEY, json.dumps(values)
    (tmp_path / 'x.onnx').write_bytes(model.SerializeToString())
    for backend in ('onnxruntime', 'openvino'):
        pytest.importorskip(backend)
        refused(tmp_path / 'x.onnx', 'cannot build the transform', backend=backend)
    entry.value = '[' * 100_000
    (tmp_path / 'x.onnx').write_bytes(model.SerializeToString())
    with pytest.raises(ValueError, match='nested too deep'):
        read_model_info(tmp_path / 'x.onnx')
    assert not marker.exists()


def test_whole_paths_of_admitted_types_are_found(published, tmp_path):
    """A configuration may give a class itself, which is published by its path."""
    path = changed(
        published,
        tmp_path / 'x.pth',
        (('pipeline', 0, 'type'), 'mmcl_ext.datasets.transforms.placement.CenterSkeleton'),
    )
    assert type(build_pipeline(read_model_info(path))[0]).__name__ == 'CenterSkeleton'


def test_augmentation_of_the_training_is_found(published, tmp_path):
    preprocessor = dict(type='SkeletonDataPreprocessor', augment=[dict(type='RandomRotation')])
    path = changed(published, tmp_path / 'x.pth', (('model', 'data_preprocessor'), preprocessor))
    model = build_from_info(read_model_info(path))
    assert [type(step).__name__ for step in model.data_preprocessor.augment] == ['RandomRotation']
    preprocessor['augment'] = [dict(type=ATTACK)]
    refused(changed(published, tmp_path / 'y.pth', (('model', 'data_preprocessor'), preprocessor)))


def test_types_of_the_user(published, tmp_path):
    @MODELS.register_module()
    class TinyNet(nn.Module):
        out_channels = 4

    try:
        path = changed(published, tmp_path / 'x.pth', (('model', 'backbone'), {'type': 'TinyNet'}))
        model = build_from_info(read_model_info(path))
        assert isinstance(model.backbone, TinyNet)
    finally:
        MODELS.module_dict.pop('TinyNet')


SHIPPED = [
    path
    for path in sorted(CONFIGS.rglob('*.py'))
    if '_base_' not in path.parts and path.parent.name in ('skeleton', 'mmcl', 'zero_shot')
]


def test_every_shipped_model_may_be_published():
    """The admitted types are enough for all that is shipped."""
    kinds = {name: set() for name in ('model', 'pipeline')}
    for path in SHIPPED:
        cfg = load_config(path, SMALL)
        zero_shot = path.parent.name == 'zero_shot'  # read other joints than the graph has
        layout = 'nturgb+d' if zero_shot else cfg.model.backbone.graph_cfg.layout
        info = ModelInfo.from_cfg(cfg, layout=layout)
        foreign = ModelInfo.from_dict(info.to_dict())
        new = {str(item['type']) for item in walk(info.model) if 'type' in item}
        if new - kinds['model']:
            build_from_info(foreign)
        kinds['model'] |= new
        build_pipeline(foreign)
        kinds['pipeline'] |= {str(step['type']) for step in info.pipeline}
    assert {'CTRGCN', 'SkeletonGraph', 'GCNHead'} <= kinds['model']
    assert 'PackActionInputs' in kinds['pipeline']


HARMFUL = re.compile(
    r'\b(open|eval|exec|import_module|load_checkpoint|_load_checkpoint|fileio|FileClient|'
    r'load_from_http|urlopen|imread|np\.load|torch\.load|get_object_from_string|Popen|system'
    r')\b\('
)


@pytest.mark.parametrize('registry', [MODELS, TRANSFORMS, GRAPHS], ids=lambda r: r.name)
def test_admitted_types_do_no_harm_when_built(registry: Registry):
    """No constructor of an admitted type opens a file, imports, or runs a command."""
    admitted = [kind for kinds in admitted_types(registry).values() for kind in kinds]
    assert len(admitted) >= 2
    for kind in admitted:
        for base in kind.__mro__:
            if inspect.isfunction(vars(base).get('__init__')):
                found = HARMFUL.search(inspect.getsource(base.__init__))
                assert not found, f'{kind}: {found and found.group()}'


def test_admitted_transforms_do_no_harm_when_called():
    for kinds in admitted_types(TRANSFORMS).values():
        for kind in kinds:
            if kind.__module__.startswith('mmcl_ext'):
                continue
            source = '\n'.join(
                inspect.getsource(method)
                for base in kind.__mro__
                for method in vars(base).values()
                if inspect.isfunction(method) and base.__module__.startswith('mmaction')
            )
            assert not HARMFUL.search(source), kind


def test_scores_are_the_same(published):
    walk_ = np.random.default_rng(0).normal(size=(1, 30, 20, 3)).astype('f4')
    result = MMCLInferencer(published)(walk_)[0]
    assert np.isfinite(result.pred_score).all()
