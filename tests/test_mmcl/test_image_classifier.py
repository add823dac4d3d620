"""An image encoder that is trained first: classifier, augmentation, and where its weights go."""

import itertools

import numpy as np
import pytest
import torch
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from tiny_data import write_tiny_images, write_tiny_store

from mmcl_ext.apis import load_config
from mmcl_ext.datasets.store.feature_file import FeatureFile
from mmcl_ext.mmcl import JitterImage
from mmcl_ext.preparation.features.image_features import extract_image_features
from mmcl_ext.registry import MODELS

_counter = itertools.count()
PREFIX = 'image_encoder.'


@pytest.fixture
def config(tmp_path, repo):
    """The shipped recipe on small data with a small encoder."""
    names = write_tiny_store(tmp_path / 's.safetensors')
    write_tiny_images(tmp_path / 'images', names[:8], size=(40, 40))  # those of the training split
    cfg = load_config(
        repo / 'configs/image_encoder/resnet34_utdmhad.py',
        {
            'model.image_encoder': dict(_delete_=True, type='PlainCNN', channels=(4, 6)),
            'model.cls_head.num_classes': 3,
            'model.cls_head.topk': (1,),
            'train_dataloader.dataset.ann_file': str(tmp_path / 's.safetensors'),
            'train_dataloader.dataset.pipeline.0.img_dir': str(tmp_path / 'images'),
            'train_dataloader.dataset.pipeline.0.size': (32, 32),
            'train_dataloader.batch_size': 4,
            'train_dataloader.num_workers': 0,
            'train_dataloader.persistent_workers': False,
            'train_cfg.max_epochs': 2,
            'work_dir': str(tmp_path / 'work'),
            'log_level': 'WARNING',
            'experiment_name': f'classifier{next(_counter)}',
        },
    )
    return cfg


@pytest.fixture
def trained(config, tmp_path):
    runner = Runner.from_cfg(config)
    before = {k: v.clone() for k, v in runner.model.state_dict().items()}
    runner.train()
    after = runner.model.state_dict()
    assert all((before[k] != after[k]).any() for k in after if k.endswith('weight'))
    return tmp_path / 'work' / 'epoch_2.pth', after


def test_training_reads_only_images_of_the_training_split(config, tmp_path):
    """The fixture has no others; one that is missing stops the run before the first step."""
    (tmp_path / 'images' / 'sample003.jpg').unlink()
    with pytest.raises(ValueError, match=r"field 'image' is missing for 1 of 8.*sample003"):
        Runner.from_cfg(config).train()


def test_an_encoder_takes_the_weights(trained):
    checkpoint, state = trained
    pretrained = dict(type='Pretrained', checkpoint=str(checkpoint), prefix='image_encoder')
    with DefaultScope.overwrite_default_scope('mmcl_ext'):
        cfg = dict(type='PlainCNN', channels=(4, 6), init_cfg=pretrained)
        encoder = MODELS.build(cfg)
    encoder.init_weights()
    for key, value in encoder.state_dict().items():
        torch.testing.assert_close(value, state[PREFIX + key], rtol=0, atol=0)


def test_the_weights_reach_the_branch_of_a_recognizer(trained):
    from toy_data import build, mmcl_cfg

    checkpoint, state = trained
    pretrained = dict(type='Pretrained', checkpoint=str(checkpoint), prefix='image_encoder')
    model = build(
        mmcl_cfg(image_encoder=dict(type='PlainCNN', channels=(4, 6), init_cfg=pretrained))
    )
    model.init_weights()
    own = model.co_learning.image_encoder.state_dict()
    assert all(torch.equal(own[key], state[PREFIX + key]) for key in own)


def test_cached_features_are_those_of_the_trained_encoder(trained, config, tmp_path):
    checkpoint, state = trained
    cfg = dict(
        model=dict(co_learning=dict(image_encoder=config.model.image_encoder.to_dict())),
        train_dataloader=config.train_dataloader.to_dict(),
    )
    out = tmp_path / 'features.safetensors'
    report = extract_image_features(cfg, out, checkpoint=checkpoint, progress=False)
    assert report.complete
    with DefaultScope.overwrite_default_scope('mmcl_ext'):
        model = MODELS.build(config.model).eval()
    model.load_state_dict(state)
    file = FeatureFile(out)
    name = 'sample005'
    from mmcl_ext.mmcl import LoadCompositeImage

    image = LoadCompositeImage(str(tmp_path / 'images'), (32, 32)).load(name)
    batch = model.data_preprocessor({'inputs': {'image': [torch.from_numpy(image)]}})
    expected = model.image_encoder(batch['inputs']['image'])[0]
    np.testing.assert_allclose(file.read(name), expected.detach().numpy(), rtol=1e-5, atol=1e-6)


def test_modes_of_the_classifier(config):
    from mmaction.structures import ActionDataSample

    with DefaultScope.overwrite_default_scope('mmcl_ext'):
        model = MODELS.build(config.model).eval()
    images = torch.randn(2, 3, 32, 32)
    samples = [ActionDataSample().set_gt_label(i) for i in range(2)]
    logits = model({'image': images})
    weight, bias = model.cls_head.fc.weight, model.cls_head.fc.bias
    torch.testing.assert_close(logits, model.image_encoder(images) @ weight.T + bias)
    loss = model({'image': images}, samples, mode='loss')['loss_cls']
    expected = torch.nn.functional.cross_entropy(logits, torch.tensor([0, 1]))
    torch.testing.assert_close(loss, expected)
    predicted = model({'image': images}, samples, mode='predict')
    assert [int(s.pred_label) for s in predicted] == logits.argmax(1).tolist()
    with pytest.raises(ValueError, match="got 'other'"):
        model({'image': images}, mode='other')


def test_no_jitter_leaves_the_image_alone():
    image = np.random.default_rng(0).integers(0, 256, (3, 20, 30), dtype=np.uint8)
    out = JitterImage(0, 0, 0).transform({'image': image.copy()})['image']
    np.testing.assert_array_equal(out, image)


def test_jitter_shifts_and_lights_within_its_limits():
    image = np.zeros((3, 41, 61), np.uint8)
    image[:, 20, 30] = 200
    np.random.seed(0)
    places = []
    for _ in range(50):
        out = JitterImage(shift=0.2, zoom=0, light=0).transform({'image': image.copy()})['image']
        assert out.shape == image.shape
        assert out.dtype == np.uint8
        row, column = np.unravel_index(out[0].argmax(), out[0].shape)
        places.append((row - 20, column - 30))
    rows, columns = np.abs(places).max(axis=0)
    assert 4 <= rows <= 9  # 0.2 * 41 = 8.2
    assert 6 <= columns <= 13  # 0.2 * 61 = 12.2

    flat = np.full((3, 8, 8), 100, np.uint8)
    light = [
        float(JitterImage(0, 0, 0.1).transform({'image': flat.copy()})['image'].mean())
        for _ in range(50)
    ]
    assert 100 - 25.5 - 1 <= min(light) < 95
    assert 105 < max(light) <= 100 + 25.5 + 1


@pytest.mark.parametrize('name', ['shift', 'zoom', 'light'])
def test_jitter_refuses_what_is_no_share(name):
    with pytest.raises(ValueError, match=f'{name} must lie'):
        JitterImage(**{name: 1.0})
