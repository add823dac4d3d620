"""A wrong type, argument or checkpoint is one line that says what to change."""

import pytest
import torch
from mmengine.registry import init_default_scope
from mmengine.runner import CheckpointLoader

from mmcl_ext.config.config_errors import run_explained
from mmcl_ext.config.launch import _is_for_user
from mmcl_ext.registry import DATASETS, MODELS, TRANSFORMS

GRAPH = dict(type='SkeletonGraph', layout='coco', mode='spatial')


def build(registry, **cfg):
    init_default_scope('mmcl_ext')
    return run_explained(lambda: registry.build(cfg))


@pytest.mark.parametrize(
    ('registry', 'cfg', 'message'),
    [
        (MODELS, dict(type='CTRGNC'), "no model named 'CTRGNC' .*near it: CTRGCN.*custom_imports"),
        (MODELS, dict(type='mmcl_ext.STGNC'), "named 'mmcl_ext.STGNC' .*near it: STGCN"),
        (DATASETS, dict(type='Skeletondataset'), 'no dataset named .*near it: SkeletonDataset'),
        (TRANSFORMS, dict(type='Qqqqqq'), "no transform named 'Qqqqqq' is registered. A class"),
        (
            MODELS,
            dict(type='CTRGCN', graph_cfg=dict(GRAPH, type='SkeletonGrahp')),
            "no graph named 'SkeletonGrahp' .*near it: SkeletonGraph",
        ),
        (
            MODELS,
            dict(type='GCNHead', num_classes=2, in_channels=4, dropuot=0.5),
            "wrong argument in the configuration: .*'dropuot'",
        ),
    ],
)
def test_the_message_names_what_is_wrong(registry, cfg, message):
    with pytest.raises(ValueError, match=message) as error:
        build(registry, **cfg)
    assert '\n' not in str(error.value)
    assert _is_for_user(error.value)  # so the tools print it without a traceback


def test_other_errors_stay_what_they_are():
    def fail():
        return {}['a key of the program']

    with pytest.raises(KeyError, match='a key of the program'):
        run_explained(fail)


def test_a_type_error_inside_of_a_class_keeps_its_traceback():
    class Broken:
        def __init__(self):
            torch.nn.Linear(1, 2, biass=True)

    with pytest.raises(TypeError, match='biass'):
        build(MODELS, type=Broken)


def test_what_is_built_is_returned():
    assert build(MODELS, type='CTRGCN', graph_cfg=GRAPH).out_channels == 256


@pytest.mark.parametrize(
    ('kept', 'message'),
    [(0, 'checkpoint .*x.pth was not loaded: it is damaged'), (500, 'damaged or cut short')],
)
def test_a_damaged_checkpoint(tmp_path, kept, message):
    path = tmp_path / 'x.pth'
    torch.save(dict(state_dict=dict(weight=torch.zeros(300))), path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ValueError, match=message) as error:
        run_explained(lambda: CheckpointLoader.load_checkpoint(str(path), 'cpu'))
    assert '\n' not in str(error.value)
    assert _is_for_user(error.value)
