import hashlib
import json

import cv2
import numpy as np
import pytest

from mmcl_ext.datasets.store import SkeletonStore
from mmcl_ext.datasets.store.feature_file import FeatureFile
from mmcl_ext.preparation.composites.composite import crop_person
from mmcl_ext.synthetic.synthetic_data import SyntheticData
from mmcl_ext.synthetic.write_synthetic_data import (
    ANSWERS,
    SyntheticVideoSource,
    scene_answers,
    write_synthetic_data,
)

DATA = SyntheticData(train_subjects=1, test_subjects=1, repetitions=1)


def digests(root):
    files = sorted(path for path in root.rglob('*') if path.is_file())
    return {str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp('demo')
    write_synthetic_data(folder, DATA, progress=False)
    return folder


def test_skeletons(root):
    store = SkeletonStore(root / 'skeletons.safetensors')
    assert list(store.names) == DATA.names
    assert store.classes == DATA.classes
    assert store.layout == 'nturgb+d'
    assert {key: len(rows) for key, rows in store.splits.items()} == {'train': 13, 'test': 13}
    for index in (0, 20):
        np.testing.assert_array_equal(store.keypoint(index), DATA.keypoint(store.names[index]))
        assert store.labels[index] == DATA.label(store.names[index])


def test_composites_of_the_training_samples_only(root):
    images = {path.stem: cv2.imread(str(path)) for path in (root / 'composites').glob('*.jpg')}
    assert set(images) == set(DATA.splits['train'])
    assert {image.shape for image in images.values()} == {(240, 240, 3)}


def test_composites_have_five_tiles_in_time_order(root):
    name = DATA.names[0]
    image = cv2.imread(str(root / 'composites' / f'{name}.jpg')).astype(float)
    clip = SyntheticVideoSource(DATA).load(name, DATA.keypoint(name), 5, 'center')
    tiles = []
    for frame, box in zip(clip.frames, clip.boxes, strict=True):
        crop = crop_person(frame, box, margin=0.1)
        tiles.append(cv2.resize(crop, (48, 240), interpolation=cv2.INTER_AREA).astype(float))
    gap = [[np.abs(image[:, 48 * i : 48 * (i + 1)] - t).mean() for t in tiles] for i in range(5)]
    assert np.argmin(gap, axis=1).tolist() == [0, 1, 2, 3, 4]
    assert np.diag(gap).max() < 12


def test_text_features_of_the_training_samples_only(root):
    features = FeatureFile(root / 'text_features.safetensors')
    assert list(features.names) == DATA.splits['train']
    assert features.width == len(ANSWERS)
    assert json.loads(features.metadata['answers']) == list(ANSWERS)
    assert 'no language model' in features.metadata['model']
    for name in features.names:
        np.testing.assert_array_equal(features.read(name), scene_answers(DATA.scene(name)))


def test_regenerated_files_are_bit_equal(root, tmp_path):
    write_synthetic_data(tmp_path, DATA, progress=False)
    assert digests(tmp_path) == digests(root)


def test_a_second_run_completes_what_is_missing_and_keeps_the_rest(tmp_path):
    write_synthetic_data(tmp_path, DATA, progress=False)
    whole = digests(tmp_path)
    lost = tmp_path / 'composites' / f'{DATA.names[2]}.jpg'
    lost.unlink()
    kept = tmp_path / 'skeletons.safetensors'
    before = kept.stat().st_mtime_ns
    write_synthetic_data(tmp_path, DATA, progress=False)
    assert digests(tmp_path) == whole
    assert kept.stat().st_mtime_ns == before


def test_two_data_sets_do_not_mix(root):
    other = SyntheticData(seed=5, train_subjects=1, test_subjects=1, repetitions=1)
    with pytest.raises(ValueError, match='another folder'):
        write_synthetic_data(root, other, progress=False)
