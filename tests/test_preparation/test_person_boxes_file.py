import errno
import json
import os
import pickle
import struct

import numpy as np
import pytest
from safetensors import safe_open

from mmcl_ext.datasets.store.box_file import BoxFile, SampleBoxes, write_box_file


def sample(seed, length=3, **changes):
    rng = np.random.default_rng(seed)
    low = rng.uniform(0, 50, (length, 2))
    values = dict(
        boxes=np.concatenate([low, low + rng.uniform(1, 50, (length, 2))], axis=1),
        found=rng.random(length) < 0.5,
        frame_numbers=np.sort(rng.integers(0, 40, length)),
        num_frames=40 + seed,
        image_size=(640 + seed, 480),
    )
    return SampleBoxes(**{**values, **changes})


SAMPLES = {f'ü{letter}': sample(seed, seed + 1) for seed, letter in enumerate('cab')}


def test_round_trip(tmp_path):
    path = tmp_path / 'new' / 'boxes.safetensors'
    write_box_file(path, SAMPLES, {'source': 'by hand', 'list': [1, None]})
    file = BoxFile(path)
    assert file.names == tuple(SAMPLES)
    assert len(file) == 3
    assert 'üa' in file
    assert 'a' not in file
    assert file.metadata == {'source': 'by hand', 'list': [1, None]}
    for name, expected in SAMPLES.items():
        boxes, found = file.read(name)
        assert (boxes.dtype, found.dtype) == (np.float32, np.bool_)
        np.testing.assert_array_equal(boxes, expected.boxes.astype(np.float32))
        np.testing.assert_array_equal(found, expected.found)
        assert file.frame_numbers(name).dtype == np.int64
        np.testing.assert_array_equal(file.frame_numbers(name), expected.frame_numbers)
        assert file.num_frames(name) == expected.num_frames
        assert file.image_size(name) == expected.image_size
    absent = sum(int((~value.found).sum()) for value in SAMPLES.values())
    samples = sum(not value.found.all() for value in SAMPLES.values())
    assert file.count() == (6, absent, samples)
    assert 0 < absent < 6
    assert [path.name for path in path.parent.iterdir()] == ['boxes.safetensors']


def test_other_readers_of_safetensors_read_it(tmp_path):
    write_box_file(tmp_path / 'boxes', SAMPLES)
    with safe_open(tmp_path / 'boxes', 'numpy') as file:
        np.testing.assert_array_equal(file.get_tensor('row_end'), [1, 3, 6])
        assert json.loads(file.metadata()['names']) == list(SAMPLES)


def test_pickles_as_its_path(tmp_path):
    write_box_file(tmp_path / 'boxes', SAMPLES)
    data = pickle.dumps(BoxFile(tmp_path / 'boxes'))
    assert len(data) < 500
    np.testing.assert_array_equal(
        pickle.loads(data).read('üb')[0], SAMPLES['üb'].boxes.astype(np.float32)
    )


def test_unknown_names_and_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match='nowhere'):
        BoxFile(tmp_path / 'nowhere')
    write_box_file(tmp_path / 'boxes', SAMPLES)
    file = BoxFile(tmp_path / 'boxes')
    for read in (file.read, file.frame_numbers, file.num_frames, file.image_size):
        with pytest.raises(KeyError, match="boxes has no sample 'other'"):
            read('other')


@pytest.mark.parametrize('keep', [0, 5, 200, -1])
def test_cut_files_are_refused(tmp_path, keep):
    path = tmp_path / 'boxes'
    write_box_file(path, SAMPLES)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match='boxes is'):
        BoxFile(path)


def test_contradicting_tables_are_refused(tmp_path):
    path = tmp_path / 'boxes'
    write_box_file(path, SAMPLES)
    data = path.read_bytes()
    start = 8 + struct.unpack('<Q', data[:8])[0]  # row_end comes first
    path.write_bytes(data[:start] + np.array([1, 3, 5], '<i8').tobytes() + data[start + 24 :])
    with pytest.raises(ValueError, match='contradict'):
        BoxFile(path)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(boxes=np.zeros((3, 5))), r'expected boxes \(T, 4\)'),
        (dict(found=np.ones(2, bool)), 'got'),
        (dict(boxes=np.array([[0, 0, 1, 1], [2, 0, 1, 1], [0, 0, 1, 1.0]])), r'not a box: \[2'),
        (dict(boxes=np.full((3, 4), np.nan)), 'not a box'),
        (dict(frame_numbers=np.array([0, 2, 1])), 'not ascending'),
        (dict(frame_numbers=np.array([0, 1, 41])), '41 frames'),
        (dict(image_size=(640, 0)), 'image size'),
        (dict(boxes=np.zeros((0, 4)), found=np.zeros(0), frame_numbers=np.zeros(0)), 'got'),
    ],
)
def test_malformed_samples_are_named(tmp_path, change, message):
    with pytest.raises(ValueError, match=rf"sample 'bad'.*{message}"):
        write_box_file(tmp_path / 'boxes', {'good': sample(0), 'bad': sample(1, **change)})
    with pytest.raises(ValueError, match='no samples'):
        write_box_file(tmp_path / 'boxes', {})
    assert not list(tmp_path.iterdir())


def test_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / 'boxes'
    write_box_file(path, SAMPLES)
    before = path.read_bytes()

    def full(handle):
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(os, 'fsync', full)
    with pytest.raises(OSError, match='No space'):
        write_box_file(path, {'other': sample(7)})
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ['boxes']
