"""A wrong type, argument or checkpoint is one line that says what to change."""

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import CheckpointLoader

from mmcl_ext.config.config_errors import (
    check_config,
    check_part,
    find_problems,
    setup_errors,
)
from mmcl_ext.config.load_config import load_config
from mmcl_ext.config.user_errors import UserError, is_for_user
from mmcl_ext.registry import DATASETS, MODELS, TRANSFORMS

GRAPH = dict(type='SkeletonGraph', layout='coco', mode='spatial')


def build(registry, **cfg):
    init_default_scope('mmcl_ext')
    check_part(cfg, registry)
    with setup_errors():
        return registry.build(cfg)


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
    assert is_for_user(error.value)  # so the tools print it without a traceback


def test_other_errors_stay_what_they_are():
    def fail():
        return {}['a key of the program']

    with pytest.raises(KeyError, match='a key of the program'), setup_errors():
        fail()


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
    with pytest.raises(ValueError, match=message) as error, setup_errors():
        CheckpointLoader.load_checkpoint(str(path), 'cpu')
    assert '\n' not in str(error.value)
    assert is_for_user(error.value)


def test_all_problems_are_told_at_once(repo):
    options = {
        'model.backbone.type': 'CTRGNC',
        'model.cls_head.dropuot': 1,
        'train_dataloader.batchsize': 3,
        'train_dataloader.dataset.anfile': 1,
        'optim_wrapper.optimizer.lr': -1,
        'train_cfg.val_interval': 0,
        'randomness.seed': 'abc',
        'default_hooks.checkpoint.savebest': 1,
    }
    cfg = load_config(repo / 'configs/skeleton/ctrgcn_demo.py', options)
    with pytest.raises(UserError) as error:
        check_config(cfg)
    lines = str(error.value).splitlines()
    assert len(lines) == len(options)
    for name in (
        'CTRGCN',
        'dropout',
        'batch_size',
        'ann_file',
        'lr',
        'val_interval',
        'seed',
        'save_best',
    ):
        assert any(name in line for line in lines)


def test_every_shipped_configuration_has_no_problem(repo):
    folders = ('image_encoder', 'mmcl', 'skeleton', 'zero_shot')
    paths = [path for folder in folders for path in (repo / 'configs' / folder).glob('*.py')]
    trained = [cfg for cfg in map(Config.fromfile, sorted(paths)) if 'model' in cfg]
    assert len(trained) > 20
    assert [p for cfg in trained for p in find_problems(cfg)] == []


@pytest.mark.parametrize(
    ('best', 'options', 'told'),
    [
        ('acc/top2', {}, 'acc/top1, acc/top5, acc/mean1'),
        ('top1', {}, 'acc/top1, acc/top5, acc/mean1'),
        ('acc/top5', {'model.cls_head.num_classes': 4}, 'acc/top1, acc/mean1'),
        (['acc/top1', 'acc/top3'], {}, 'acc/top1, acc/top5, acc/mean1'),
        ('acc/top5', {'val_evaluator.metric_options': {'top_k_accuracy': {'topk': (1, 3)}}},
         'acc/top1, acc/top3, acc/mean1'),
        ('acc/mean1', {'val_evaluator.metric_list': 'top_k_accuracy'}, 'acc/top1, acc/top5'),
        ('auto', {}, None),
        ('acc/mean1', {}, None),
        ('mine/x', {'val_evaluator.type': 'ConfusionMatrix'}, None),
    ],
)  # fmt: skip
def test_the_best_checkpoint_is_kept_by_a_metric_that_is_there(repo, best, options, told):
    """The runner would say so after the first epoch."""
    path = repo / 'configs/skeleton/ctrgcn_demo.py'
    cfg = load_config(path, {**options, 'default_hooks.checkpoint.save_best': best})
    found = [problem for problem in find_problems(cfg) if 'save_best' in problem]
    assert [problem.rpartition('gives ')[2] for problem in found] == ([told] if told else [])


def test_two_bases_that_set_the_same(tmp_path):
    for name in 'ab':
        (tmp_path / f'{name}.py').write_text("custom_imports = dict(imports=['json'])\nx_y = 1\n")
    (tmp_path / 'own.py').write_text("_base_ = ['./a.py', './b.py']")
    with pytest.raises(UserError, match=r'own\.py: several of its bases set .*x_y') as caught:
        load_config(tmp_path / 'own.py')
    assert 'custom_imports' in str(caught.value)
    assert '\n' not in str(caught.value)
