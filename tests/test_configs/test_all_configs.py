"""What holds for every shipped training configuration, whoever adds it."""

from pathlib import Path

import pytest
from mmengine.dataset import Compose
from mmengine.registry import init_default_scope

from mmcl_ext.apis import load_config
from mmcl_ext.datasets.transforms import SkeletonStream
from mmcl_ext.mmcl.transforms.base import SideDataTransform
from mmcl_ext.registry import HOOKS, MODELS

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
NO_TRAINING = ('_base_', 'ablations', 'image_encoder', 'preparation')
ALL = sorted(
    path for path in CONFIGS.rglob('*.py') if path.relative_to(CONFIGS).parts[0] not in NO_TRAINING
)
MMCL = sorted(CONFIGS.glob('mmcl/*.py'))


@pytest.fixture(autouse=True)
def _scope():
    init_default_scope('mmcl_ext')


def twin_of(path):
    """Find the skeleton-only twin: the same name, but for the plain graphs of NTU RGB+D.

    There that name is the backbone's own recipe; the twin has MMCL's schedule.
    """
    network, _, data = path.stem.partition('_')
    stem = f'{network}_mmcl110e_{data}' if data.startswith('ntu') else path.stem
    return CONFIGS / 'skeleton' / f'{stem}.py'


def name(path):
    return str(path.relative_to(CONFIGS).with_suffix(''))


def pipeline(loader):
    return Compose(loader.dataset.pipeline).transforms


def build_model(cfg):
    """Build without files, and with cached features where the encoder is Inception-V3."""
    branch = cfg.model.get('co_learning') or {}
    if branch.get('image_encoder', {}).get('type') == 'InceptionV3':
        branch.update(image_encoder=None, fam=dict(branch.fam, in_channels=8))
    elif 'pretrained' in branch.get('image_encoder', {}):
        branch.image_encoder.pretrained = None
    if branch.get('frm'):
        branch.frm.text_channels = 3
    return MODELS.build(cfg.model)


@pytest.mark.parametrize('path', ALL, ids=name)
def test_testing_loads_neither_images_nor_texts(path):
    cfg = load_config(path)
    for loader in (cfg.val_dataloader, cfg.test_dataloader):
        assert not [t for t in pipeline(loader) if isinstance(t, SideDataTransform)]
        assert loader.dataset.test_mode
        assert loader.sampler.shuffle is False
    assert cfg.train_dataloader.dataset.split != cfg.test_dataloader.dataset.split


@pytest.mark.parametrize('path', ALL, ids=name)
def test_one_variable_switches_the_stream_of_every_pipeline(path):
    cfg = load_config(path, dict(stream='bone_motion'))
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        found = [t.stream for t in pipeline(loader) if isinstance(t, SkeletonStream)]
        assert found == ['bone_motion']


@pytest.mark.parametrize('path', ALL, ids=name)
def test_a_config_shows_its_difference(path):
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith('#')]
    assert len(lines) <= 15


@pytest.mark.parametrize('path', ALL, ids=name)
def test_hooks_that_resuming_and_checking_need_are_there(path):
    cfg = load_config(path)
    hooks = {type(HOOKS.build(dict(hook))).__name__ for hook in cfg.default_hooks.values()}
    needed = {'AugmentationSeedHook', 'RandomStateHook', 'DataCheckHook', 'CheckpointHook'}
    needed |= {'CoLearningDataCheckHook', 'StripCheckpointHook'} if path in MMCL else set()
    assert needed <= hooks
    assert cfg.default_scope == 'mmcl_ext'
    assert cfg.train_cfg.type == 'ResumableTrainLoop'
    assert cfg.randomness.seed is not None


def without_branch(optim_wrapper):
    """Drop the settings of parameters that only the branch has; none other may be there."""
    keys = optim_wrapper.pop('paramwise_cfg', {}).get('custom_keys', {})
    assert [key for key in keys if not key.startswith('co_learning.')] == []


@pytest.mark.parametrize('path', MMCL, ids=name)
def test_a_co_learning_config_adds_the_branch_to_its_twin(path):
    cfg, twin = load_config(path), load_config(twin_of(path))
    own = [t for t in pipeline(cfg.train_dataloader) if not isinstance(t, SideDataTransform)]
    side = [t for t in pipeline(cfg.train_dataloader) if isinstance(t, SideDataTransform)]
    plain = pipeline(twin.train_dataloader)
    assert [repr(t) for t in own[:-1]] == [repr(t) for t in plain[:-1]]
    assert own[-1].collect_keys == ('keypoint', *(t.key for t in side))
    without_branch(cfg.optim_wrapper)
    for key in (
        'optim_wrapper',
        'param_scheduler',
        'train_cfg',
        'val_dataloader',
        'test_dataloader',
    ):
        assert cfg[key] == twin[key], key

    model, deployed = build_model(cfg), build_model(twin)
    assert model.co_learning.required_inputs == tuple(t.key for t in side)
    kept = {k: v.shape for k, v in model.state_dict().items() if not k.startswith('co_learning.')}
    assert kept == {k: v.shape for k, v in deployed.state_dict().items()}
