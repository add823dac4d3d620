import json
import multiprocessing
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from mmcl_ext.datasets.store import feature_file as module
from mmcl_ext.mmcl import FeatureFile, write_feature_file

NAMES = ['S001', 'ä b/c', 'S003']


def features(dtype: str = 'f4') -> np.ndarray:
    return (np.arange(12).reshape(3, 4) - 5.5).astype(dtype)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    target = tmp_path / 'sub' / 'features.safetensors'
    write_feature_file(target, features(), NAMES, metadata={'model': 'blip', 'prompt': 'held?'})
    return target


def test_reads_what_was_written(path: Path) -> None:
    file = FeatureFile(path)
    assert file.names == tuple(NAMES)
    assert (len(file), file.width, file.shape) == (3, 4, (3, 4))
    assert 'S003' in file
    assert 'S004' not in file
    assert file.metadata['prompt'] == 'held?'
    for row, name in enumerate(NAMES):
        assert file.read(name).dtype == np.float32
        assert file.read(name).flags.writeable
        np.testing.assert_array_equal(file.read(name), features()[row])


def test_safetensors_reads_it_too(path: Path) -> None:
    with safe_open(path, 'numpy') as file:
        np.testing.assert_array_equal(file.get_tensor('features'), features())
        assert json.loads(file.metadata()['names']) == NAMES


def test_reads_what_safetensors_writes(tmp_path: Path) -> None:
    path = tmp_path / 'theirs.safetensors'
    other = np.ones((5, 2), 'f4')  # sorts before or after ours, with an offset of its own
    save_file({'features': features(), 'a': other}, path, metadata={'names': json.dumps(NAMES)})
    np.testing.assert_array_equal(FeatureFile(path).read('S003'), features()[2])


@pytest.mark.parametrize('dtype', ['f2', 'f8', 'i4', 'i8'])
def test_every_type_is_read_as_float32(tmp_path: Path, dtype: str) -> None:
    write_feature_file(tmp_path / 'f', features(dtype), NAMES)
    values = FeatureFile(tmp_path / 'f').read('S001')
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values, features(dtype)[0].astype('f4'))


def test_rows_of_more_axes(tmp_path: Path) -> None:
    write_feature_file(tmp_path / 'f', features().reshape(3, 1, 4), NAMES)
    file = FeatureFile(tmp_path / 'f')
    assert file.read('S001').shape == (1, 4)
    assert file.width == 4


def read_in_child(file: FeatureFile) -> list[float]:
    return file.read('S003').tolist()


def test_crosses_processes(path: Path) -> None:
    file = FeatureFile(path)
    file.read('S001')
    assert pickle.loads(pickle.dumps(file)).read('S003').tolist() == features()[2].tolist()
    with multiprocessing.get_context('fork').Pool(1) as pool:
        assert pool.apply(read_in_child, (file,)) == features()[2].tolist()
    file.close()
    assert file.read('S003').tolist() == features()[2].tolist()


def test_unknown_sample_names_file_and_sample(path: Path) -> None:
    with pytest.raises(KeyError, match=r"features\.safetensors has no sample 'S009'"):
        FeatureFile(path).read('S009')


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match='nowhere'):
        FeatureFile(tmp_path / 'nowhere')


def test_damaged_files_are_refused(path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    with pytest.raises(ValueError, match='cut short'):
        FeatureFile(path)
    for content in (b'', whole[:20], pickle.dumps([1] * 50), struct.pack('<Q', 4) + b'[12]'):
        path.write_bytes(content)
        with pytest.raises(ValueError, match='not a safetensors file'):
            FeatureFile(path)


def test_other_safetensors_are_refused(tmp_path: Path) -> None:
    save_file({'weight': features()}, tmp_path / 'model.safetensors')
    with pytest.raises(ValueError, match='is no feature file'):
        FeatureFile(tmp_path / 'model.safetensors')


@pytest.mark.parametrize(
    ('values', 'names', 'message'),
    [
        (features(), ['a', 'b'], '2 names for features of shape'),
        (features(), ['a', 'b', 'a'], "sample 'a' occurs more than once"),
        (np.array([[1.0], [np.nan], [2.0]]), NAMES, "sample 'ä b/c' are not finite"),
        (features().astype(bool), NAMES, 'features are bool'),
        (np.zeros(3, 'f4'), NAMES, r'shape \(3,\)'),
    ],
)
def test_bad_content_is_not_written(
    tmp_path: Path, values: np.ndarray, names: list[str], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        write_feature_file(tmp_path / 'f', values, names)
    assert list(tmp_path.iterdir()) == []


def test_interrupted_writing_leaves_the_old_file(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module.os, 'fsync', interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_feature_file(path, features() * 2, NAMES)
    assert FeatureFile(path).read('S001').tolist() == features()[0].tolist()
    assert list(path.parent.iterdir()) == [path]
