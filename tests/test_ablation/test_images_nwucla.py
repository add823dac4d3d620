"""The arms of docs/protocol.md: built and trained for a step on tiny data."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from tiny_data import write_tiny_store
from training import GradientsKept, without_gradient

from mmcl_ext.ablation.declaration import load_ablation
from mmcl_ext.ablation.run import training_config
from mmcl_ext.datasets.store import SkeletonStore
from mmcl_ext.datasets.store.feature_file import write_feature_file
from mmcl_ext.evaluation.score_files import read_scores, write_scores
from mmcl_ext.evaluation.scores import Scores
from mmcl_ext.registry import DATASETS, MODELS

REPO = Path(__file__).resolve().parents[2]
ARMS = {v.name: v for v in load_ablation(REPO / 'configs/ablations/images_nwucla.py').variants}
SMALL = {f'model.backbone.{stages}': [2] for stages in ('inflate_stages', 'down_stages')}
SMALL |= {'model.backbone.num_stages': 2, 'model.backbone.base_channels': 8}


@pytest.fixture
def features(tmp_path, monkeypatch):
    """Twelve samples, the first of which has no image."""
    monkeypatch.chdir(tmp_path)
    init_default_scope('mmcl_ext')
    folder = Path('data/nwucla')
    names = write_tiny_store(folder / 'nwucla.safetensors', layout='kinect_v1', num_person=1)
    values = np.random.default_rng(0).normal(2, 1, (11, 30)).astype(np.float32)
    write_feature_file(folder / 'image_features.safetensors', values, names[1:])
    scores = np.random.default_rng(1).normal(size=(11, 10))
    labels = SkeletonStore(folder / 'nwucla.safetensors').labels[1:]
    write_scores(folder / 'image_scores.pkl', Scores(names[1:], scores, labels))
    for name, width in (('object_probs', 80), ('hidden_states', 384)):
        texts = np.random.default_rng(2).random((11, width), np.float32)
        write_feature_file(folder / f'objects/{name}.safetensors', texts, names[1:])
    return dict(zip(names[1:], (values - values.mean(0)) / values.std(0), strict=True))


def items_of(name, seed=1):
    cfg = training_config(ARMS[name], seed, SMALL)
    torch.manual_seed(seed)
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    return cfg, dataset, [dataset[i] for i in range(4)]


@pytest.mark.parametrize('name', ARMS)
def test_a_step_of_every_arm(name, features):
    cfg, _, items = items_of(name)
    model = MODELS.build(cfg.model)
    logged = model.train_step(pseudo_collate(items), GradientsKept(model))
    extra = dict(skeleton='', heavier='', heavier_refined='', uniformity='loss_uniformity')
    extra |= {name: 'loss_refine' for name in ARMS if name.startswith('object')}
    extra |= dict.fromkeys(('distilled', 'distilled_shuffled'), 'loss_distill')
    assert {key for key in logged if key.startswith('loss_')} == {
        'loss_cls',
        extra.get(name, 'loss_align'),
    } - {''}
    assert all(value.isfinite() for value in logged.values())
    assert without_gradient(model) == []
    assert cfg.train_cfg.max_epochs == 12
    assert cfg.train_dataloader.sampler.times == 5


def test_whose_image_a_sample_has(features):
    for name, same in (('images', True), ('shuffled', False), ('same_class', False)):
        _, dataset, items = items_of(name)
        images = [item['inputs']['image'].numpy() for item in items]
        assert np.isnan(images[0]).all()
        own = [features[dataset.sample_names[i]] for i in range(1, 4)]
        assert np.allclose(images[1:], own, atol=1e-5) == same


def test_whose_scores_a_sample_is_taught(features):
    given = read_scores('data/nwucla/image_scores.pkl')
    for name, same in (('distilled', True), ('distilled_shuffled', False)):
        cfg = training_config(ARMS[name], 1, SMALL)
        torch.manual_seed(1)
        (helper,) = MODELS.build(cfg.model).co_learning.helpers
        teacher = helper.teacher.numpy()
        assert np.array_equal(teacher, given.values.astype(np.float32)) == same
        for label in np.unique(given.labels):
            rows = given.labels == label
            assert sorted(teacher[rows, 0]) == sorted(given.values[rows, 0].astype(np.float32))


def test_the_arms_differ_in_nothing_else(features):
    plain, heavier = (training_config(ARMS[name], 1) for name in ('skeleton', 'heavier'))
    loss = heavier.model.cls_head.pop('loss_cls')
    assert loss.loss_weight == pytest.approx(1.02)
    plain.model.cls_head.pop('loss_cls', None)
    assert heavier.to_dict() == plain.to_dict()
    images, shuffled = (training_config(ARMS[name], 1) for name in ('images', 'shuffled'))
    assert images.model.co_learning.loss.alignment_weight == pytest.approx(loss.loss_weight - 1)
    shuffled.train_dataloader.dataset.pipeline[0].shuffle = False
    assert shuffled.train_dataloader == images.train_dataloader
    for key in ('param_scheduler', 'optim_wrapper', 'train_cfg', 'test_dataloader'):
        assert images[key] == plain[key]
