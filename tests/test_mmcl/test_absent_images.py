"""Samples without image or text, cached features shuffled and standardised, tiles one by one."""

import numpy as np
import pytest
import torch
from tiny_data import write_tiny_store
from torch import nn
from toy_data import batch, branch_cfg, build, losses, mmcl_cfg

from mmcl_ext.datasets.store.annotation_pickle import open_annotation
from mmcl_ext.mmcl import LoadImageFeature, LoadTextFeature, TiledEncoder, write_feature_file

WIDTH = 6
NAMES = [f's{i}' for i in range(40)]


@pytest.fixture
def file(tmp_path):
    features = np.random.default_rng(0).normal(3, 2, (40, WIDTH)).astype(np.float32)
    features[:, 1] = 7
    write_feature_file(tmp_path / 'image.safetensors', features, NAMES)
    return tmp_path / 'image.safetensors'


def model():
    parts = dict(image_encoder=None, fam=dict(type='FAM', in_channels=WIDTH), frm=None)
    return build({**mmcl_cfg(), 'co_learning': branch_cfg(**parts)})


def test_absent_images_are_left_out_of_the_alignment():
    data, recognizer = batch(num=6, image=(WIDTH,)), model()
    recognizer.train(False)
    whole = losses(recognizer, data)
    data['inputs']['image'][1:3] = [torch.full((WIDTH,), torch.nan)] * 2
    masked = losses(recognizer, data)
    assert torch.equal(masked['loss_cls'], whole['loss_cls'])
    kept = [0, 3, 4, 5]
    part = {key: [values[i] for i in kept] for key, values in data['inputs'].items()}
    samples = [data['data_samples'][i] for i in kept]
    alone = losses(recognizer, dict(inputs=part, data_samples=samples))
    torch.testing.assert_close(masked['loss_align'], alone['loss_align'])
    assert masked['loss_align'] != whole['loss_align']
    sum(value for key, value in masked.items() if 'loss' in key).backward()
    assert all(p.grad.isfinite().all() for p in recognizer.parameters())


def test_a_batch_without_any_image():
    data, recognizer = batch(num=2, image=(WIDTH,)), model()
    data['inputs']['image'] = [torch.full((WIDTH,), torch.nan)] * 2
    terms = losses(recognizer, data)
    assert terms['loss_align'] == terms['retrieval_acc'] == 0
    terms['loss_align'].backward()
    assert all(p.grad.eq(0).all() for p in recognizer.co_learning.fam.parameters())


def test_absent_texts_are_left_out_of_the_refinement():
    parts = dict(
        image_encoder=None, fam=None, frm=dict(type='FRM', text_channels=WIDTH, allow_absent=True)
    )
    recognizer = build({**mmcl_cfg(), 'co_learning': branch_cfg(**parts)}).train(False)
    data = batch(num=4)
    data['inputs']['text'] = list(torch.randn(4, WIDTH))
    whole = losses(recognizer, data)
    data['inputs']['text'][0] = torch.full((WIDTH,), torch.nan)
    masked = losses(recognizer, data)
    part = {key: values[1:] for key, values in data['inputs'].items()}
    alone = losses(recognizer, dict(inputs=part, data_samples=data['data_samples'][1:]))
    torch.testing.assert_close(masked['loss_refine'], alone['loss_refine'])
    assert masked['loss_refine'] != whole['loss_refine']
    data['inputs']['text'] = [torch.full((WIDTH,), torch.nan)] * 4
    nobody = losses(recognizer, data)['loss_refine']
    nobody.backward()
    assert nobody == 0
    assert all(p.grad.eq(0).all() for p in recognizer.co_learning.frm.parameters())


@pytest.mark.parametrize('kind', [LoadImageFeature, LoadTextFeature])
def test_texts_are_read_as_images_are(file, kind):
    loader = kind(file, allow_absent=0.05, standardise=True, shuffle=True)
    assert list(loader.transform(dict(sample_name='s1'))) == ['sample_name', loader.key]
    assert np.isnan(loader.transform(dict(sample_name='other'))[loader.key]).all()


def test_some_samples_may_lack_a_feature(file):
    loader = LoadImageFeature(file, allow_absent=0.05)
    assert np.isnan(loader.transform(dict(sample_name='other'))['image']).all()
    assert loader.missing([*NAMES, 'a', 'b']) == []
    assert loader.missing([*NAMES, 'a', 'b', 'c']) == ['a', 'b', 'c']
    with pytest.raises(KeyError, match='other'):
        LoadImageFeature(file).load('other')
    with pytest.raises(ValueError, match='allow_absent'):
        LoadImageFeature(file, allow_absent=1)


def test_features_are_standardised(file):
    loader = LoadImageFeature(file, standardise=True)
    values = np.stack([loader.load(name) for name in NAMES])
    np.testing.assert_allclose(values.mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(values.std(0), [1, 0, 1, 1, 1, 1], atol=1e-5)


def test_the_seed_of_the_run_decides_the_shuffled_pairs(file):
    def pairs(seed):
        torch.manual_seed(seed)
        loader = LoadImageFeature(file, shuffle=True)
        torch.manual_seed(99)  # a worker's
        return np.stack([loader.load(name) for name in NAMES])

    true = np.stack([LoadImageFeature(file).load(name) for name in NAMES])
    first = pairs(1)
    np.testing.assert_array_equal(first, pairs(1))
    np.testing.assert_array_equal(np.sort(first[:, 0]), np.sort(true[:, 0]))
    assert (first[:, 0] != true[:, 0]).sum() > 30
    assert (first[:, 0] != pairs(2)[:, 0]).sum() > 30


def test_shuffled_within_the_class(tmp_path):
    names = write_tiny_store(tmp_path / 'store.safetensors', num_samples=40)
    features = np.arange(40, dtype=np.float32)[:, None]
    write_feature_file(tmp_path / 'image.safetensors', features, names)
    labels = open_annotation(tmp_path / 'store.safetensors').labels
    settings = dict(shuffle=True, shuffle_within=tmp_path / 'store.safetensors')
    loader = LoadImageFeature(tmp_path / 'image.safetensors', **settings)
    partners = np.array([int(loader.load(name)[0]) for name in names])
    assert sorted(partners) == list(range(40))
    np.testing.assert_array_equal(labels[partners], labels)
    assert (partners != np.arange(40)).sum() > 20
    with pytest.raises(ValueError, match='needs shuffle=True'):
        LoadImageFeature(tmp_path / 'image.safetensors', shuffle_within='store.safetensors')
    write_feature_file(tmp_path / 'other.safetensors', features[:2], [names[0], 'stranger'])
    with pytest.raises(KeyError, match=r"store\.safetensors: no class of sample 'stranger'"):
        LoadImageFeature(tmp_path / 'other.safetensors', **settings).load(names[0])


def test_tiles_are_encoded_one_by_one():
    class Mean(nn.Module):
        out_channels = 3

        def forward(self, image):
            return image.mean(dim=(2, 3))

    encoder = TiledEncoder(Mean(), num_tiles=5)
    image = torch.randn(2, 3, 4, 20)
    expected = torch.cat([tile.mean(dim=(2, 3)) for tile in image.split(4, dim=3)], dim=1)
    torch.testing.assert_close(encoder(image), expected)
    assert encoder.out_channels == 15
    with pytest.raises(ValueError, match='5 tiles'):
        encoder(image[..., :19])
