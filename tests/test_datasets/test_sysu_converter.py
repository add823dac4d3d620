"""SYSU 3D HOI, on made-up archives that mean their numbers in different ways."""

import numpy as np
import pytest
from scipy.io import savemat

from mmcl_ext.datasets.converters.sysu import SYSU_CLASSES, convert_sysu, sysu_splits
from mmcl_ext.datasets.store import SkeletonStore
from mmcl_ext.graphs import get_layout

SUBJECTS = ('anna', 'bo', 'chen', 'dai')
LEGS = (*range(12), *range(16, 20), *range(12, 16))
HEIGHTS = dict(head=0.65, shoulder_center=0.48, spine=0.15, hip_center=0.05)


def body(seed, frames=5):
    """A body (T, 20, 3) in metres with a trunk of 0.48 m, its right at larger x."""
    rng = np.random.default_rng(seed)
    joints = rng.normal(scale=0.01, size=(frames, 20, 3))
    for i, name in enumerate(get_layout('kinect_v1').joint_names):
        side = {'left': -0.15, 'right': 0.15}.get(name.partition('_')[0], 0)
        low = -0.5 if any(part in name for part in ('knee', 'ankle', 'foot')) else 0.3
        height = 0 if name.endswith('_hip') else HEIGHTS.get(name, low)
        joints[:, i] += (side, height, 2.5)
    return joints


def write(folder, change=lambda joints: joints, subjects=SUBJECTS, activities=range(1, 13)):
    for s, subject in enumerate(subjects):
        for k in activities:
            video = folder / '3DvideoNorm' / subject / f'video{k}'
            video.mkdir(parents=True)
            joints = change(body(100 * s + k))
            savemat(video / 'sklWorld.mat', {'SW': joints.transpose(1, 2, 0)})
            savemat(video / 'sklImage.mat', {'S': np.zeros((20, 2, len(joints)))})
    (folder / '3DvideoNorm' / 'matlabcode').mkdir()
    savemat(folder / '3DvideoNorm' / 'matlabcode' / 'sklWorld.mat', {'SW': np.zeros((1, 1))})
    return folder


def convert(source, out, **options):
    return convert_sysu(source, out, processes=1, progress=False, **options)


CHANGES = {
    'as it is': (lambda joints: joints, ('metre', True, False)),
    'millimetres': (lambda joints: joints * 1000, ('millimetre', True, False)),
    'y down': (lambda joints: joints * (1, -1, 1), ('metre', False, False)),
    'legs swapped': (lambda joints: joints[:, LEGS], ('metre', True, True)),
    'all of it': (
        lambda joints: joints[:, LEGS] * (1000, -1000, 1000),
        ('millimetre', False, True),
    ),
}


@pytest.mark.parametrize('key', CHANGES)
def test_conventions_are_measured(tmp_path, key):
    change, expected = CHANGES[key]
    source = write(tmp_path / 'raw', change, activities=(1, 12))
    report = convert(source, tmp_path / 'o')
    store = SkeletonStore(tmp_path / 'o')
    assert tuple(store.metadata['source_convention'].values()) == expected
    assert list(store.names)[:3] == ['s01_a01', 's01_a12', 's02_a01']
    for i, name in enumerate(store.names):
        expected_joints = body(100 * (int(name[1:3]) - 1) + int(name[5:]))
        np.testing.assert_allclose(store.keypoint(i)[0], expected_joints, atol=1e-6)
    assert f'measured: unit {expected[0]}' in str(report)


def test_store(tmp_path):
    report = convert(write(tmp_path / 'raw'), tmp_path / 'o')
    store = SkeletonStore(tmp_path / 'o')
    assert len(store) == 48
    assert store.classes == SYSU_CLASSES
    assert store.labels.tolist() == list(range(12)) * 4
    assert store.layout == 'kinect_v1'
    assert store.metadata['subjects'] == list(SUBJECTS)
    assert '4 subjects, expected 40' in report.notes
    assert any('not been run on the real archive' in note for note in report.notes)


def test_splits():
    names = [f's{s:02d}_a{k:02d}' for s in range(1, 41) for k in range(1, 13)]
    splits = sysu_splits(names)
    assert len(splits) == 2 * 2 * 30
    assert all(len(split) == 240 for split in splits.values())
    for index in range(30):
        for protocol in ('xsub', 'same'):
            train, val = (set(splits[f'{protocol}_{index:02d}_{s}']) for s in ('train', 'val'))
            assert train | val == set(names)
        subjects = [{n[:3] for n in splits[f'xsub_{index:02d}_{s}']} for s in ('train', 'val')]
        assert len(subjects[0]) == 20
        assert not subjects[0] & subjects[1]
        counts = [n[4:] for n in splits[f'same_{index:02d}_train']]
        assert all(counts.count(f'a{k:02d}') == 20 for k in range(1, 13))
    assert len({tuple(splits[f'xsub_{i:02d}_train']) for i in range(30)}) == 30
    assert sysu_splits(names) == splits
    assert sysu_splits(names, seed=1) != splits


def test_what_is_wrong_is_named(tmp_path):
    source = write(tmp_path / 'raw', lambda joints: joints * 3, activities=(1, 2))
    with pytest.raises(ValueError, match=r'the trunks measure 1.4\d\d .median., expected about'):
        convert(source, tmp_path / 'o')
    bad = source / '3DvideoNorm' / 'bo' / 'video2' / 'sklWorld.mat'
    savemat(bad, {'SW': np.zeros((25, 3, 4))})
    with pytest.raises(ValueError, match=r'bo/video2/sklWorld.mat: field SW: expected shape'):
        convert(source, tmp_path / 'o')
    savemat(bad, {'SW': np.full((20, 3, 4), np.nan)})
    with pytest.raises(ValueError, match='not finite at joint 0, axis 0, frame 0'):
        convert(source, tmp_path / 'o')
    with pytest.raises(FileNotFoundError, match=r'no file SUBJECT/videoK/sklWorld.mat'):
        convert(tmp_path / 'nowhere', tmp_path / 'o')


def test_an_unreadable_file_may_be_dropped(tmp_path):
    source = write(tmp_path / 'raw', activities=(1, 2))
    savemat(source / '3DvideoNorm' / 'bo' / 'video2' / 'sklWorld.mat', {'other': 1})
    report = convert(source, tmp_path / 'o', on_error='skip')
    assert list(report.dropped) == ['s02_a02']
    assert report.num_samples == 7
