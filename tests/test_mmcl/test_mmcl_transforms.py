import multiprocessing
import pickle
from pathlib import Path

import cv2
import lmdb
import numpy as np
import pytest

from mmcl_ext.mmcl import (
    LoadCompositeImage,
    LoadImageFeature,
    LoadTextFeature,
    write_feature_file,
)
from mmcl_ext.registry import TRANSFORMS

BGR = (200, 100, 30)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two flat images: one colour each."""
    images = tmp_path / 'images'
    images.mkdir()
    for name, colour in (('S1', BGR), ('S2', (0, 0, 0))):
        cv2.imwrite(str(images / f'{name}.jpg'), np.full((48, 32, 3), colour, np.uint8))
    return images


def test_image_is_rgb_and_resized(folder: Path) -> None:
    transform = LoadCompositeImage(folder, size=(24, 20))
    image = transform.transform({'sample_name': 'S1', 'label': 3})['image']
    assert image.shape == (3, 24, 20)
    assert image.dtype == np.uint8
    np.testing.assert_allclose(image[:, 5, 5], BGR[::-1], atol=4)


def test_image_keeps_its_layout(tmp_path: Path) -> None:
    """Left half black, right half white, top to bottom alike."""
    image = np.zeros((480, 480, 3), np.uint8)
    image[:, 240:] = 255
    cv2.imwrite(str(tmp_path / 'a.jpg'), image)
    loaded = LoadCompositeImage(tmp_path).load('a')
    assert loaded.shape == (3, 299, 299)
    assert loaded[:, :, :140].max() < 10
    assert loaded[:, :, 160:].min() > 245
    cv2.imwrite(str(tmp_path / 'a.png'), image)
    exact = LoadCompositeImage(tmp_path, size=(480, 480), suffix='.png').load('a')
    np.testing.assert_array_equal(exact, image.transpose(2, 0, 1))


def test_missing_and_broken_images_are_named(folder: Path) -> None:
    transform = LoadCompositeImage(folder)
    with pytest.raises(FileNotFoundError, match=r"sample 'S3' not found: .*S3\.jpg"):
        transform.load('S3')
    for content in (b'', b'no image'):
        (folder / 'S4.jpg').write_bytes(content)
        with pytest.raises(ValueError, match=r"sample 'S4' cannot be decoded: .*S4\.jpg"):
            transform.load('S4')
    assert transform.missing(['S0', 'S1', 'S2', 'S3']) == ['S0', 'S3']
    assert LoadCompositeImage(folder / 'nowhere').missing(['S1']) == ['S1']


@pytest.fixture
def database(folder: Path, tmp_path: Path) -> Path:
    environment = lmdb.open(str(tmp_path / 'images.lmdb'))
    with environment, environment.begin(write=True) as transaction:
        for path in folder.iterdir():
            transaction.put(path.name.encode(), path.read_bytes())
    return tmp_path / 'images.lmdb'


def sum_of(transform: LoadCompositeImage) -> int:
    return int(transform.load('S1').sum())


def test_images_in_an_lmdb(folder: Path, database: Path) -> None:
    backend_args = dict(backend='lmdb', db_path=str(database))
    transform = LoadCompositeImage('', backend_args=backend_args)
    np.testing.assert_array_equal(transform.load('S1'), LoadCompositeImage(folder).load('S1'))
    assert transform.missing(['S2', 'S3']) == ['S3']
    with pytest.raises(FileNotFoundError, match="sample 'S3'"):
        transform.load('S3')
    assert 'images.lmdb' in transform.source
    with multiprocessing.get_context('fork').Pool(2) as pool:
        assert pool.map(sum_of, [transform] * 2) == [sum_of(transform)] * 2


def test_a_database_that_is_cut_short_or_none(database: Path) -> None:
    """Reading it would end the process by a signal."""
    file = database / 'data.mdb'
    sound = file.read_bytes()
    other_page = bytearray(sound)
    other_page[40:44] = (3).to_bytes(4, 'little')
    bad = (sound[: len(sound) // 2], sound[:6000], sound[:100], b'', bytes(9000), bytes(other_page))
    for content in bad:
        file.write_bytes(content)
        transform = LoadCompositeImage('', backend_args=dict(backend='lmdb', db_path=str(database)))
        for use in (transform.load, lambda name: transform.missing([name])):  # noqa: B023
            with pytest.raises(ValueError, match=r'images\.lmdb') as caught:
                use('a')
            assert '\n' not in str(caught.value)


def test_transforms_can_be_pickled_after_use(folder: Path, tmp_path: Path) -> None:
    write_feature_file(tmp_path / 'f', np.ones((1, 4), 'f4'), ['S1'])
    for transform in (LoadCompositeImage(folder), LoadTextFeature(tmp_path / 'f')):
        before = transform.load('S1')
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(transform)).load('S1'), before)


@pytest.mark.parametrize(('kind', 'key'), [(LoadImageFeature, 'image'), (LoadTextFeature, 'text')])
def test_features(tmp_path: Path, kind: type, key: str) -> None:
    path = tmp_path / 'features.safetensors'
    write_feature_file(path, np.arange(6).reshape(2, 1, 3).astype('f4'), ['S1', 'S2'])
    transform = TRANSFORMS.build(dict(type=kind.__name__, file=str(path)))
    results = transform.transform({'sample_name': 'S2'})
    assert results[key].dtype == np.float32
    assert results[key].tolist() == [3, 4, 5]
    assert transform.missing(['S2', 'S3']) == ['S3']
    with pytest.raises(KeyError, match=r"features\.safetensors has no sample 'S3'"):
        transform.transform({'sample_name': 'S3'})


def test_feature_file_is_opened_late(tmp_path: Path) -> None:
    transform = LoadTextFeature(tmp_path / 'later')
    assert transform.missing(['S1']) == ['S1']
    with pytest.raises(FileNotFoundError, match='later'):
        transform.load('S1')
    write_feature_file(tmp_path / 'later', np.ones((1, 4), 'f4'), ['S1'])
    assert transform.missing(['S1']) == []
    assert transform.load('S1').tolist() == [1, 1, 1, 1]
