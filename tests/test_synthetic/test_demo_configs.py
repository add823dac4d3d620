"""The demo configurations are built; what is asserted is what was built."""

from pathlib import Path

import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope

from mmcl_ext.apis import load_config
from mmcl_ext.registry import DATASETS, MODELS
from mmcl_ext.synthetic.synthetic_data import SyntheticData
from mmcl_ext.synthetic.write_synthetic_data import ANSWERS, write_synthetic_data

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
BACKBONES = {'ctrgcn': 'CTRGCN', 'stgcn': 'STGCN'}
DATA = SyntheticData(train_subjects=1, test_subjects=1, repetitions=1)


@pytest.fixture(scope='module')
def data_root(tmp_path_factory):
    root = tmp_path_factory.mktemp('configs')
    write_synthetic_data(root / 'data/demo', DATA, progress=False)
    return root


@pytest.fixture(autouse=True)
def _inside(data_root, monkeypatch):
    """Configurations name data/ relative to where the tools are run."""
    monkeypatch.chdir(data_root)
    init_default_scope('mmcl_ext')


def config(kind, backbone):
    return load_config(CONFIGS / kind / f'{backbone}_demo.py')


def names(loader):
    return [type(t).__name__ for t in DATASETS.build(loader.dataset).pipeline.transforms]


def shapes(module):
    return {key: tuple(value.shape) for key, value in module.state_dict().items()}


@pytest.mark.parametrize('backbone', BACKBONES)
@pytest.mark.parametrize('kind', ['skeleton', 'mmcl'])
def test_built_pipelines(kind, backbone):
    cfg = config(kind, backbone)
    test = [
        *('CenterSkeleton', 'ValidCropResize'),
        *('SkeletonStream', 'FormatSkeleton', 'PackActionInputs'),
    ]
    train = [*test[:2], 'RandomRotation', *test[2:]]
    extra = ['LoadCompositeImage', 'LoadTextFeature'] if kind == 'mmcl' else []
    assert names(cfg.train_dataloader) == [*extra, *train]
    assert names(cfg.val_dataloader) == names(cfg.test_dataloader) == test
    inputs = DATASETS.build(cfg.test_dataloader.dataset)[0]['inputs']
    assert set(inputs) == {'keypoint'}
    assert inputs['keypoint'].shape == (1, 1, 32, 25, 3)


@pytest.mark.parametrize('backbone', BACKBONES)
def test_twins_differ_in_nothing_but_co_learning(backbone):
    plain, rich = config('skeleton', backbone), config('mmcl', backbone)
    for key in ('train_cfg', 'param_scheduler', 'randomness', 'test_dataloader'):
        assert plain[key] == rich[key]
    assert plain.train_dataloader.batch_size == rich.train_dataloader.batch_size
    assert plain.optim_wrapper.optimizer == rich.optim_wrapper.optimizer
    model, trained = MODELS.build(plain.model), MODELS.build(rich.model)
    assert type(model.backbone).__name__ == BACKBONES[backbone]
    assert model.cls_head.num_classes == len(DATA.classes)
    kept = {k: s for k, s in shapes(trained).items() if not k.startswith('co_learning.')}
    assert kept == shapes(model)


@pytest.mark.parametrize('backbone', BACKBONES)
def test_the_skeleton_network_learns_at_the_same_rate_in_both(backbone):
    plain, rich = config('skeleton', backbone), config('mmcl', backbone)
    model = MODELS.build(rich.model)
    wrapper = build_optim_wrapper(model, rich.optim_wrapper)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    rates = {names[id(p)]: g['lr'] for g in wrapper.optimizer.param_groups for p in g['params']}
    assert set(rates) == set(names.values())
    for name, rate in rates.items():
        image = name.startswith(('co_learning.image_encoder.', 'co_learning.fam.'))
        assert rate == plain.optim_wrapper.optimizer.lr * (10 if image else 1), name


@pytest.mark.parametrize('backbone', BACKBONES)
def test_a_training_step_reaches_every_part(backbone):
    cfg = config('mmcl', backbone)
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    batch = pseudo_collate([dataset[i] for i in range(4)])
    model = MODELS.build(cfg.model)
    assert model.co_learning.frm.text_channels == len(ANSWERS)
    losses = model(**model.data_preprocessor(batch, training=True), mode='loss')
    total, _ = model.parse_losses(losses)
    total.backward()
    without = [k for k, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert not without
    assert torch.isfinite(total)


def test_the_demo_has_the_classes_of_the_configurations():
    assert config('skeleton', 'ctrgcn').model.cls_head.num_classes == len(SyntheticData().classes)
    split = DATASETS.build(config('skeleton', 'ctrgcn').train_dataloader.dataset)
    assert tuple(split.metainfo['classes']) == DATA.classes
