import copy
import json

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from tiny_data import write_tiny_images, write_tiny_store
from tool_module import load_tool, run_main
from tool_processes import ToolProcesses

import mmcl_ext.mmcl  # noqa: F401
from mmcl_ext.datasets.store import SkeletonStore
from mmcl_ext.mmcl import FeatureFile, LoadCompositeImage, LoadImageFeature
from mmcl_ext.mmcl.helper import Taps
from mmcl_ext.preparation.features.image_features import (
    ImageFeatureExtractor,
    extract_image_features,
    training_samples,
)
from mmcl_ext.registry import MODELS

SIZE = (40, 48)


@pytest.fixture
def cfg(tmp_path):
    """Co-learning of the demo's kind: composites with other sides than the encoder's input."""
    names = write_tiny_store(tmp_path / 'toy.safetensors')
    write_tiny_images(tmp_path / 'images', names[:8], size=(60, 50))
    backbone = dict(
        type='CTRGCN',
        graph_cfg=dict(type='SkeletonGraph', layout='nturgb+d', mode='spatial'),
        base_channels=8,
        num_stages=2,
        inflate_stages=(2,),
        down_stages=(2,),
    )
    encoder = dict(
        type='ImageEncoder',
        backbone=dict(type='mmaction.MobileNetV2', widen_factor=0.25),
        out_channels=1280,
    )
    model = dict(
        type='MMCLRecognizer',
        backbone=backbone,
        cls_head=dict(type='GCNHead', num_classes=3),
        data_preprocessor=dict(type='MMCLDataPreprocessor', mean=(0.4, 0.5, 0.6)),
        co_learning=dict(type='CoLearning', image_encoder=encoder, fam=dict(type='FAM')),
    )
    dataset = dict(
        type='SkeletonDataset',
        ann_file=str(tmp_path / 'toy.safetensors'),
        split='xsub_train',
        pipeline=[
            dict(type='LoadCompositeImage', img_dir=str(tmp_path / 'images'), size=SIZE),
            dict(type='LoadTextFeature', file=str(tmp_path / 'absent.safetensors')),
        ],
    )
    return Config(
        dict(
            model=model,
            train_dataloader=dict(dataset=dict(type='RepeatDataset', times=2, dataset=dataset)),
        )
    )


def build(model_cfg):
    torch.manual_seed(3)
    with DefaultScope.overwrite_default_scope('mmcl_ext'):
        return MODELS.build(copy.deepcopy(model_cfg))


def extract(cfg, out, **options):
    return extract_image_features(cfg, out, progress=False, **options)


@pytest.fixture
def model(cfg, tmp_path):
    """A model with a frozen encoder, and its checkpoint."""
    frozen = copy.deepcopy(cfg.model)
    frozen['co_learning']['image_encoder']['frozen'] = True
    model = build(frozen)
    # Statistics of real images: with those of a new network all images give the same feature.
    encoder = model.co_learning.image_encoder
    for module in encoder.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
    load = LoadCompositeImage(tmp_path / 'images', size=SIZE).load
    encoder.backbone.train()
    with torch.no_grad():
        encoder.backbone(_preprocessed(model, load, training_samples(cfg)))
    torch.save(dict(state_dict=model.state_dict()), tmp_path / 'model.pth')
    return model.eval()


def test_fam_on_cached_features_equals_fam_on_the_frozen_encoder(cfg, model, tmp_path):
    out = tmp_path / 'features.safetensors'
    report = extract(cfg, out, checkpoint=tmp_path / 'model.pth', batch_size=3, chunk_size=4)
    names = training_samples(cfg)
    assert FeatureFile(out).names == tuple(names)
    assert report.shapes == {'image_features': (8, 1280)}
    cached = copy.deepcopy(cfg.model)
    cached['co_learning'].update(image_encoder=None, fam=dict(type='FAM', in_channels=str(out)))
    light = build(cached).eval()
    light.co_learning.fam.load_state_dict(model.co_learning.fam.state_dict())
    load_image = LoadCompositeImage(tmp_path / 'images', size=SIZE)
    load_feature = LoadImageFeature(out)

    def project(net, load):
        image = _preprocessed(net, load, names)
        encoder = net.co_learning.image_encoder
        return net.co_learning.fam(image if encoder is None else encoder(image))

    expected = project(model, load_image.load)
    torch.testing.assert_close(project(light, load_feature.load), expected, rtol=1e-4, atol=1e-6)
    assert expected.std(0).min() > 1e-3  # the images differ, so do their projections
    keypoint = torch.randn(8, 1, 2, 12, 25, 3, generator=torch.Generator().manual_seed(0))
    embedding = model.cls_head.pool(model.extract_feat(keypoint))
    losses = [
        net.co_learning.loss(
            Taps(
                embedding,
                model.cls_head.classify(embedding),
                torch.zeros(8, dtype=torch.long),
                {'image': image},
            )
        )
        for net, image in (
            (model, _preprocessed(model, load_image.load, names)),
            (light, _preprocessed(light, load_feature.load, names)),
        )
    ]
    for key, value in losses[0].items():
        torch.testing.assert_close(losses[1][key], value, rtol=1e-4, atol=1e-6)


def _preprocessed(net, load, names):
    images = [torch.from_numpy(load(name)) for name in names]
    return net.data_preprocessor({'inputs': {'image': images}}, True)['inputs']['image']


def test_interrupted_run_ends_like_an_unbroken_one(cfg, tmp_path, monkeypatch):
    sizes = dict(batch_size=2, chunk_size=2)
    extract(cfg, tmp_path / 'whole.safetensors', **sizes)
    real, calls = ImageFeatureExtractor.compute, []

    def power_cut(self, items):
        calls.append(len(items))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(self, items)

    monkeypatch.setattr(ImageFeatureExtractor, 'compute', power_cut)
    out = tmp_path / 'out.safetensors'
    with pytest.raises(KeyboardInterrupt):
        extract(cfg, out, **sizes)
    monkeypatch.undo()
    report = extract(cfg, out, **sizes)
    assert (report.total, report.present) == (8, 4)
    assert out.read_bytes() == (tmp_path / 'whole.safetensors').read_bytes()
    assert not list(tmp_path.glob('*.shards'))


@pytest.mark.slow
def test_two_processes_killed_and_resumed(repo, cfg, tmp_path):
    sizes = dict(batch_size=1, chunk_size=1)
    extract(cfg, tmp_path / 'whole.safetensors', **sizes)
    cfg.dump(tmp_path / 'config.py')
    tool, out = repo / 'tools/data/extract_image_features.py', tmp_path / 'out.safetensors'
    line = [tool, tmp_path / 'config.py', out, '--batch-size', '1', '--chunk-size', '1']
    with ToolProcesses(line) as run:
        run.kill_at(tmp_path / 'out.safetensors.shards', 1)
    assert not out.exists()
    with ToolProcesses(line) as run:
        statuses, outputs = run.wait()
    assert statuses == [0, 0], outputs
    assert out.read_bytes() == (tmp_path / 'whole.safetensors').read_bytes()


def test_split_of_a_store(repo, cfg, tmp_path, monkeypatch, capsys):
    tool = load_tool(repo / 'tools/data/extract_image_features.py')
    cfg.dump(tmp_path / 'config.py')
    store = SkeletonStore(tmp_path / 'toy.safetensors')
    out = tmp_path / 'out.safetensors'
    line = [tmp_path / 'config.py', out, '--store', store.path, '--quiet']
    status, output, _ = run_main(tool, [*line, '--split', 'xsub_train'], monkeypatch, capsys)
    expected = [store.names[i] for i in store.split('xsub_train')]
    assert status == 0
    assert list(FeatureFile(out).names) == expected != list(store.names)
    assert f'{len(expected)} samples, {len(expected)} extracted' in output
    status, _, error = run_main(tool, [*line, '--split', 'dev'], monkeypatch, capsys)
    assert (status, error.count('\n')) == (1, 1)
    assert "has no split 'dev'; it has [" in error


def test_random_weights_follow_the_seed(cfg, tmp_path):
    values = []
    for index, seed in enumerate((0, 0, 1)):
        out = tmp_path / f'{index}.safetensors'
        extract(cfg, out, seed=seed)
        values.append(FeatureFile(out).read('sample000'))
    np.testing.assert_array_equal(values[0], values[1])
    assert not np.allclose(values[0], values[2])
    with pytest.raises(ValueError, match='weights_hash'):
        extract(cfg, tmp_path / '0.safetensors', seed=1)


def test_recipe_tells_what_happens_to_an_image(cfg, tmp_path):
    extract(cfg, tmp_path / 'out.safetensors')
    recipe = json.loads(FeatureFile(tmp_path / 'out.safetensors').metadata['recipe'])
    assert recipe['size'] == list(SIZE)
    np.testing.assert_allclose(recipe['mean'], (0.4, 0.5, 0.6), rtol=1e-6)
    assert recipe['encoder']['backbone']['widen_factor'] == 0.25
    assert recipe['encoder']['frozen'] is True
    cfg.merge_from_dict({'model.data_preprocessor.mean': (0.1, 0.5, 0.6)})
    with pytest.raises(ValueError, match=r'another recipe \(mean'):
        extract(cfg, tmp_path / 'out.safetensors')


def test_unreadable_image(cfg, tmp_path):
    (tmp_path / 'images/sample003.jpg').write_bytes(b'torn')
    with pytest.raises(ValueError, match="'sample003' cannot be decoded"):
        extract(cfg, tmp_path / 'out.safetensors')
    report = extract(cfg, tmp_path / 'out.safetensors', on_error='skip')
    assert list(report.skipped) == ['sample003']
    cv2.imwrite(str(tmp_path / 'images/sample003.jpg'), np.zeros((9, 9, 3), np.uint8))
    assert extract(cfg, tmp_path / 'out.safetensors').complete
    assert len(FeatureFile(tmp_path / 'out.safetensors')) == 8


def test_other_samples_than_the_training_ones(cfg, tmp_path):
    names = ['sample005', 'sample001']
    extract(cfg, tmp_path / 'out.safetensors', names=names)
    assert FeatureFile(tmp_path / 'out.safetensors').names == tuple(names)
    with pytest.raises(FileNotFoundError, match='sample009'):
        extract(cfg, tmp_path / 'other.safetensors', names=['sample009'])


def test_bad_configurations(cfg, tmp_path):
    stripped = tmp_path / 'stripped.pth'
    torch.save(dict(state_dict={'backbone.weight': torch.zeros(1)}), stripped)
    with pytest.raises(ValueError, match='no image encoder'):
        extract(cfg, tmp_path / 'out', checkpoint=stripped)
    cfg.model.co_learning.image_encoder = None
    with pytest.raises(ValueError, match=r'no model\.co_learning\.image_encoder'):
        extract(cfg, tmp_path / 'out')


def test_configuration_without_composites(cfg, tmp_path):
    cfg.train_dataloader.dataset.dataset.pipeline = []
    with pytest.raises(ValueError, match='no LoadCompositeImage'):
        extract(cfg, tmp_path / 'out')
