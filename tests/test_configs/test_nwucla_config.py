"""The shipped NW-UCLA configuration, on its own data and on the reference feeder's sums."""

import json
import zipfile

import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from tiny_data import FAST_OPTIONS

from mmcl_ext.apis import load_config
from mmcl_ext.datasets.converters.nwucla import convert_nwucla
from mmcl_ext.registry import DATA_SAMPLERS, DATASETS, MODELS, OPTIMIZERS, PARAM_SCHEDULERS

STORE = 'data/nwucla/nwucla.safetensors'
LABELS = {'a01': 1, 'a02': 2, 'a12': 10}


@pytest.fixture
def config(repo, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    init_default_scope('mmcl_ext')
    return lambda **options: load_config(repo / 'configs/skeleton/ctrgcn_nwucla.py', options)


@pytest.fixture
def store(tmp_path):
    """Eight made-up sequences, where the configuration looks for the store."""
    names = [f'{a}_s01_e0{e}_v0{v}' for a in ('a01', 'a12') for e in (0, 1) for v in (1, 3)]
    (tmp_path / 'raw').mkdir()
    for seed, name in enumerate(names):
        skeletons = np.random.default_rng(seed).normal(size=(20 + seed, 20, 3)).tolist()
        content = dict(file_name=name, skeletons=skeletons, label=LABELS[name[:3]])
        (tmp_path / 'raw' / f'{name}.json').write_text(json.dumps(content))
    convert_nwucla(tmp_path / 'raw', tmp_path / STORE, processes=1, progress=False)


def test_built_pipelines_and_sampler(config, store):
    cfg = config()
    train, test = (DATASETS.build(cfg[f'{k}_dataloader'].dataset) for k in ('train', 'test'))
    names = [type(transform).__name__ for transform in train.pipeline.transforms]
    assert names == [
        'CenterSkeleton', 'RandomView', 'NormalizeRange', 'PickFrames', 'SkeletonStream',
        'FormatSkeleton', 'PackActionInputs',
    ]  # fmt: skip
    names.remove('RandomView')
    assert [type(transform).__name__ for transform in test.pipeline.transforms] == names
    picks = (train.pipeline.transforms[3], test.pipeline.transforms[2])
    assert [(pick.num_frames, pick.random) for pick in picks] == [(52, True), (52, False)]
    assert (train.pipeline.transforms[1].max_degrees, cfg.train_dataloader.batch_size) == (60, 16)
    assert train[0]['inputs']['keypoint'].shape == (1, 1, 52, 20, 3)
    sampler = DATA_SAMPLERS.build(dict(cfg.train_dataloader.sampler, dataset=train, seed=0))
    assert sorted(map(int, sampler)) == sorted(5 * [0, 1, 2, 3])


def test_built_model(config):
    model = MODELS.build(config().model)
    # The official network with 20 joints, one person and ten classes.
    assert sum(parameter.numel() for parameter in model.parameters()) == 1_426_892
    assert model.backbone.graph.layout.name == 'kinect_v1'


def test_learning_rate_of_every_epoch(config):
    cfg = config()
    parameters = [torch.nn.Parameter(torch.zeros(1))]
    optimizer = OPTIMIZERS.build(dict(cfg.optim_wrapper.optimizer, params=parameters))
    schedulers = [PARAM_SCHEDULERS.build(dict(s, optimizer=optimizer)) for s in cfg.param_scheduler]
    group = optimizer.param_groups[0]
    assert (group['weight_decay'], group['momentum'], group['nesterov']) == (1e-4, 0.9, True)
    assert cfg.train_cfg.max_epochs == 65
    for epoch in range(65):
        expected = 0.1 * min((epoch + 1) / 5, 1) * (0.1 if epoch >= 50 else 1)
        assert group['lr'] == pytest.approx(expected, rel=1e-9), epoch
        optimizer.step()
        for scheduler in schedulers:
            scheduler.step()


def test_trains_and_tests(config, store, tmp_path):
    options = {'train_cfg.max_epochs': 1, 'train_cfg.val_interval': 1, 'visualizer': None}
    cfg = config(**FAST_OPTIONS, **options)
    cfg.work_dir = str(tmp_path / 'work')
    runner = Runner.from_cfg(cfg)
    runner.train()
    assert runner.iter == 5  # five visits of four sequences, four a step
    assert set(runner.test()) == {'acc/top1', 'acc/top5', 'acc/mean1'}


GOLDEN = {
    'a05_s04_e02_v03': (-121.5408, 1193.2446, 540.8400, 73.4342, 40.0760),
    'a12_s09_e04_v03': (329.2536, 1293.7075, 532.2425, 42.4471, 26.3932),
    'a02_s09_e04_v03': (70.9367, 1637.4563, 850.3949, 0, 0),
}


def test_official_feeder(config, shared, tmp_path):
    """Archive, converter, store and test pipeline give the sums of CTR-GCN's feeder."""
    with zipfile.ZipFile(shared / 'datasets/nw_ucla/all_sqe.zip') as archive:
        for name in GOLDEN:
            member = next(m for m in archive.namelist() if m.endswith(f'/{name}.json'))
            archive.extract(member, tmp_path / 'raw')
    convert_nwucla(tmp_path / 'raw', tmp_path / STORE, processes=1, progress=False)
    sums: dict[str, list[float]] = {name: [] for name in GOLDEN}
    for stream in ('joint', 'bone', 'joint_motion', 'bone_motion'):
        dataset = DATASETS.build(config(stream=stream).test_dataloader.dataset)
        assert dataset.sample_names == list(GOLDEN)
        for item in (dataset[i] for i in range(3)):
            keypoint = item['inputs']['keypoint'].double()
            found = sums[item['data_samples'].sample_name]
            found += [keypoint.sum().item()] if stream == 'joint' else []
            found.append(keypoint.abs().sum().item())
    for name, golden in GOLDEN.items():
        np.testing.assert_allclose(sums[name], golden, atol=2e-3)
