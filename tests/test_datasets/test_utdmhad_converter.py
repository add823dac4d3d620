import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from mmcl_ext.datasets.converters.utdmhad import (
    UTDMHAD_CLASSES,
    convert_utdmhad,
    find_utdmhad,
    read_utdmhad_skeleton,
    utdmhad_names,
)
from mmcl_ext.datasets.store import SkeletonStore
from mmcl_ext.datasets.validation.check_store import check_store
from mmcl_ext.graphs.layouts import get_layout

# Order in the raw files, as the data set's own Skeleton_joint_order.txt has it.
RAW_JOINTS = (
    *('head', 'shoulder_center', 'spine', 'hip_center'),
    *('left_shoulder', 'left_elbow', 'left_wrist', 'left_hand'),
    *('right_shoulder', 'right_elbow', 'right_wrist', 'right_hand'),
    *('left_hip', 'left_knee', 'left_ankle', 'left_foot'),
    *('right_hip', 'right_knee', 'right_ankle', 'right_foot'),
)
NAMES = ('a1_s1_t1', 'a2_s2_t1', 'a10_s3_t2', 'a27_s8_t3')


def raw_skeleton(seed: int, frames: int = 6) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(20, 3, frames))


def save_skeleton(folder: Path, name: str, **variables: np.ndarray) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    savemat(folder / f'{name}_skeleton.mat', variables, do_compression=True)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for seed, name in enumerate(NAMES):
        save_skeleton(tmp_path / 'raw' / 'Skeleton', name, d_skel=raw_skeleton(seed, 5 + seed))
    return tmp_path / 'raw'


def zip_folder(source: Path, archive: Path) -> None:
    with zipfile.ZipFile(archive, 'w', zipfile.ZIP_DEFLATED) as file:
        for path in sorted((source / 'Skeleton').iterdir()):
            file.write(path, f'Skeleton/{path.name}')
            file.writestr(f'__MACOSX/Skeleton/._{path.name}', b'not a matrix')


def test_names_are_the_861_of_the_archive():
    names = utdmhad_names()
    assert len(names) == len(set(names)) == 861
    assert not {'a8_s1_t4', 'a23_s6_t4', 'a27_s8_t4'} & set(names)
    assert len(UTDMHAD_CLASSES) == 27


def test_joints_go_to_the_place_of_their_name(source):
    member = find_utdmhad(source, 'Skeleton')['a10_s3_t2']
    keypoint = read_utdmhad_skeleton(member)
    raw = raw_skeleton(2, 7)
    assert keypoint.shape == (1, 7, 20, 3)
    assert keypoint.dtype == np.float32
    for joint, joint_name in enumerate(get_layout('kinect_v1').joint_names):
        expected = raw[RAW_JOINTS.index(joint_name)].T
        np.testing.assert_allclose(keypoint[0, :, joint], expected, rtol=1e-6)


def test_store_holds_labels_splits_and_layout(source, tmp_path):
    report = convert_utdmhad(source, tmp_path / 'utd.safetensors', progress=False)
    store = SkeletonStore(tmp_path / 'utd.safetensors')
    assert list(store.names) == list(NAMES)  # by number: a10 after a2
    assert store.labels.tolist() == [0, 1, 9, 26]
    assert store.layout == 'kinect_v1'
    assert store.classes == UTDMHAD_CLASSES
    assert {key: index.tolist() for key, index in store.splits.items()} == {
        'xsub_train': [0, 2],
        'xsub_test': [1, 3],
    }
    assert report.num_frames == 5 + 6 + 7 + 8
    assert report.splits == {'xsub_train': 2, 'xsub_test': 2}
    row = dict(kept=1, dropped=0, xsub_train=0, xsub_test=1)
    assert report.class_counts['1 swipe_right'] == row
    assert len(report.class_counts) == 27


def test_an_unreadable_file_may_be_dropped(source, tmp_path):
    save_skeleton(source / 'Skeleton', 'a2_s2_t1', other=np.zeros(1))
    out = tmp_path / 'utd.safetensors'
    report = convert_utdmhad(source, out, on_error='skip', processes=1, progress=False)
    assert list(report.dropped) == ['a2_s2_t1']
    assert report.class_counts['1 swipe_right']['dropped'] == 1
    assert report.split_drops == {'xsub_train': 0, 'xsub_test': 1}
    assert 'splits: xsub_train 2, xsub_test 1 (1 dropped)' in str(report)
    assert SkeletonStore(out).dtype == 'float32'
    convert_utdmhad(source, out, on_error='skip', dtype='float16', processes=2, progress=False)
    assert SkeletonStore(out).dtype == 'float16'


def test_missing_and_foreign_files_are_reported(source, tmp_path):
    shutil.copy(
        source / 'Skeleton/a1_s1_t1_skeleton.mat', source / 'Skeleton/a28_s1_t1_skeleton.mat'
    )
    report = convert_utdmhad(source, tmp_path / 'utd.safetensors', progress=False)
    assert len(report.missing) == 861 - 4
    assert 'a1_s1_t2' in report.missing
    assert report.ignored == ('a28_s1_t1_skeleton.mat',)
    assert 'MISSING 857 samples: a1_s1_t2' in str(report)
    assert SkeletonStore(tmp_path / 'utd.safetensors').metadata['missing'][0] == 'a1_s1_t2'


def test_archive_gives_the_same_store_as_its_folder(source, tmp_path):
    packed = tmp_path / 'packed'
    packed.mkdir()
    zip_folder(source, packed / 'Skeleton.zip')
    convert_utdmhad(source, tmp_path / 'a.safetensors', progress=False)
    convert_utdmhad(packed, tmp_path / 'b.safetensors', progress=False)
    stores = [SkeletonStore(tmp_path / f'{name}.safetensors') for name in 'ab']
    assert stores[0].checksum() == stores[1].checksum()


@pytest.mark.parametrize(
    ('variables', 'message'),
    [
        ({'d_skel': np.zeros((25, 3, 4))}, r'field d_skel: expected shape \(20, 3, T\)'),
        ({'d_skel': np.zeros((20, 3))}, r'field d_skel: .* got \(20, 3\)'),
        ({'skeleton': np.zeros((20, 3, 4))}, 'field d_skel is missing'),
        ({'d_skel': 'text'}, 'field d_skel: expected numbers'),
    ],
)
def test_malformed_file_is_named_with_its_field(source, tmp_path, variables, message):
    save_skeleton(source / 'Skeleton', 'a2_s2_t1', **variables)
    with pytest.raises(ValueError, match=f'a2_s2_t1_skeleton.mat: {message}'):
        convert_utdmhad(source, tmp_path / 'out' / 'utd.safetensors', progress=False)
    assert not list((tmp_path / 'out').glob('*'))  # neither the store nor a part of it


def test_coordinate_that_is_no_number_is_located(source, tmp_path):
    raw = raw_skeleton(0)
    raw[7, 1, 3] = np.nan
    save_skeleton(source / 'Skeleton', 'a1_s1_t1', d_skel=raw)
    with pytest.raises(ValueError, match='d_skel: not finite at joint 7, axis 1, frame 3'):
        convert_utdmhad(source, tmp_path / 'utd.safetensors', progress=False)


@pytest.mark.parametrize('damage', [lambda data: data[:200], lambda _: b'', lambda _: b'text' * 99])
def test_damaged_file_is_named(source, tmp_path, damage):
    path = source / 'Skeleton' / 'a1_s1_t1_skeleton.mat'
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=r'a1_s1_t1_skeleton.mat: field d_skel'):
        convert_utdmhad(source, tmp_path / 'utd.safetensors', progress=False)


def test_damaged_archive_is_named(tmp_path):
    (tmp_path / 'Skeleton.zip').write_bytes(b'PK cut')
    with pytest.raises(ValueError, match=r'Skeleton.zip: damaged.* not a zip file'):
        find_utdmhad(tmp_path, 'Skeleton')


def test_source_without_skeletons(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'Skeleton.zip exists'):
        convert_utdmhad(tmp_path, tmp_path / 'utd.safetensors', progress=False)
    (tmp_path / 'Skeleton').mkdir()
    with pytest.raises(FileNotFoundError, match='no file a'):
        convert_utdmhad(tmp_path, tmp_path / 'utd.safetensors', progress=False)


def test_real_archive(shared, tmp_path):
    report = convert_utdmhad(
        shared / 'datasets/utd_mhad', tmp_path / 'utd.safetensors', progress=False
    )
    assert report.splits == {'xsub_train': 431, 'xsub_test': 430}
    assert report.num_frames == 58299
    assert report.missing == report.ignored == ()
    store = SkeletonStore(tmp_path / 'utd.safetensors')
    assert check_store(store) == []
    lengths = dict(zip(store.names, store.num_frames, strict=True))
    assert (lengths['a20_s4_t3'], lengths['a21_s8_t2']) == (41, 125)
    first = store.keypoint(store.names.index('a3_s1_t1'))
    joints = get_layout('kinect_v1').joint_names
    # SpineMid and Neck after the fact sheet's 20-to-25-joint matrix, recomputed by hand.
    spine, center, head = (
        first[0, 0, joints.index(j)] for j in ('spine', 'shoulder_center', 'head')
    )
    np.testing.assert_allclose(0.6 * spine + 0.4 * center, (-0.02451, 0.09593, 2.95912), atol=2e-5)
    np.testing.assert_allclose(0.65 * center + 0.35 * head, (-0.03082, 0.37047, 2.93991), atol=2e-5)
