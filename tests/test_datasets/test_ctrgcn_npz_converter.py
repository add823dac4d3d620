"""CTR-GCN's arrays to a store: names, labels, persons."""

import numpy as np
import pytest

from mmcl_ext.datasets.converters import ctrgcn_npz
from mmcl_ext.datasets.converters.ctrgcn_npz import NpzArray, NpzReader, convert_ctrgcn_npz
from mmcl_ext.datasets.converters.ntu_protocol import ntu_splits
from mmcl_ext.datasets.store import SkeletonStore
from mmcl_ext.datasets.transforms import FormatSkeleton

FRAMES = 12


def rows(count, second, seed=0):
    """Arrays (N, T, 150): every other row has a second person, the others ``second``."""
    rng = np.random.default_rng(seed)
    x = np.zeros((count, FRAMES, 2, 25, 3), np.float32)
    for i in range(count):
        length = 3 + i % (FRAMES - 3)
        x[i, :length] = rng.normal(size=(length, 2, 25, 3))
        if i % 2 == 0:
            x[i, :, 1] = x[i, :, 0] if second == 'copy' else 0
    return x.reshape(count, FRAMES, 150)


def onehot(labels, num_classes):
    return np.eye(num_classes)[labels]  # float64, as CTR-GCN's scripts write it


def write(path, num_classes=60, second='zeros', train=7, test=5, save=np.savez, **changes):
    labels = np.arange(train + test) % num_classes
    arrays = dict(
        x_train=rows(train, second),
        y_train=onehot(labels[:train], num_classes),
        x_test=rows(test, second, 1),
        y_test=onehot(labels[train:], num_classes),
    )
    arrays |= changes
    save(path, **arrays)
    return arrays


def padded(keypoint, pad):
    """What a training sees, in the array's layout: (T, 150)."""
    T = keypoint.shape[1]
    formatted = FormatSkeleton(2, pad)(dict(keypoint=keypoint))['keypoint'][0]
    full = np.zeros((FRAMES, 2, 25, 3), np.float32)
    full[:T] = formatted.swapaxes(0, 1)
    return full.reshape(FRAMES, 150)


@pytest.mark.parametrize('save', [np.savez, np.savez_compressed])
@pytest.mark.parametrize(
    ('num_classes', 'second', 'pad'), [(60, 'zeros', 'zero'), (120, 'copy', 'copy')]
)
def test_round_trip(tmp_path, save, num_classes, second, pad):
    arrays = write(tmp_path / 'a.npz', num_classes, second, save=save)
    out = tmp_path / 'a.safetensors'
    report = convert_ctrgcn_npz(tmp_path / 'a.npz', out, names='index', processes=2, progress=False)
    store = SkeletonStore(out)
    assert report.splits == dict(train=7, val=5)
    assert (store.layout, len(store.classes)) == ('nturgb+d-ctrgcn', num_classes)
    assert store.num_persons.tolist() == [1, 2, 1, 2, 1, 2, 1, 1, 2, 1, 2, 1]
    assert store.num_frames.tolist() == [3, 4, 5, 6, 7, 8, 9, 3, 4, 5, 6, 7]
    for key, split in (('train', 'train'), ('test', 'val')):
        index = store.splits[split]
        assert [store.names[i] for i in index] == [f'{key}_{i}' for i in range(len(index))]
        np.testing.assert_array_equal(store.labels[index], arrays[f'y_{key}'].argmax(axis=1))
        for row, i in enumerate(index):
            found = padded(store.keypoint(i), pad)
            np.testing.assert_array_equal(found, arrays[f'x_{key}'][row])


def test_a_second_person_who_is_zero_is_kept_where_copies_are_the_rule(tmp_path):
    """In the 120-class arrays zeros stand for a person who was dropped later on."""
    arrays = write(tmp_path / 'a.npz', 120, 'zeros')
    convert_ctrgcn_npz(tmp_path / 'a.npz', tmp_path / 'o', names='index', progress=False)
    store = SkeletonStore(tmp_path / 'o')
    assert set(store.num_persons.tolist()) == {2}
    np.testing.assert_array_equal(padded(store.keypoint(0), 'copy'), arrays['x_train'][0])
    convert_ctrgcn_npz(
        tmp_path / 'a.npz', tmp_path / 'o', names='index', second_body='zeros', progress=False
    )
    assert SkeletonStore(tmp_path / 'o').num_persons[0] == 1


def test_an_empty_row_keeps_its_place(tmp_path):
    x = rows(7, 'zeros')
    x[2] = 0
    write(tmp_path / 'a.npz', x_train=x)
    convert_ctrgcn_npz(tmp_path / 'a.npz', tmp_path / 'o', names='index', progress=False)
    store = SkeletonStore(tmp_path / 'o')
    assert len(store) == 12
    assert store.keypoint(2).shape == (1, 1, 25, 3)
    assert not store.keypoint(2).any()


def test_names_from_files(tmp_path):
    write(tmp_path / 'a.npz')
    (tmp_path / 'train.txt').write_text('\n'.join(f'clip{i}' for i in range(7)))
    (tmp_path / 'val.txt').write_text('\n'.join(f'clip{i}' for i in range(7, 12)) + '\n')
    files = [tmp_path / 'train.txt', tmp_path / 'val.txt']
    convert_ctrgcn_npz(tmp_path / 'a.npz', tmp_path / 'o', names=files, progress=False)
    store = SkeletonStore(tmp_path / 'o')
    assert list(store.names) == [f'clip{i}' for i in range(12)]
    with pytest.raises(ValueError, match='7 rows in x_train, but 5 names'):
        convert_ctrgcn_npz(tmp_path / 'a.npz', tmp_path / 'o', names=files[::-1])
    with pytest.raises(ValueError, match="'known', 'index' or two files, got 'other'"):
        convert_ctrgcn_npz(tmp_path / 'a.npz', tmp_path / 'o', names='other')


@pytest.fixture
def small_benchmark(monkeypatch):
    """A benchmark of few samples in place of the real one, which has too many for a test."""
    names = [
        f'S001C{camera:03d}P{performer:03d}R001A{action:03d}'
        for camera in (1, 2, 3)
        for performer in (1, 2, 3, 4)
        for action in (1, 60)
    ]
    monkeypatch.setattr(
        ctrgcn_npz, 'ntu_splits', lambda n, order='name': ntu_splits(n, names, order)
    )
    return ntu_splits(60, names, 'group')


@pytest.mark.parametrize(('protocol', 'file'), [('xsub', 'CS'), ('xview', 'CV')])
def test_known_names(tmp_path, small_benchmark, protocol, file):
    train, val = small_benchmark[f'{protocol}_train'], small_benchmark[f'{protocol}_val']
    labels = {key: [int(n[17:]) - 1 for n in names] for key, names in (('t', train), ('v', val))}
    path = tmp_path / f'NTU60_{file}.npz'
    write(
        path,
        train=len(train),
        test=len(val),
        y_train=onehot(labels['t'], 60),
        y_test=onehot(labels['v'], 60),
    )
    report = convert_ctrgcn_npz(path, tmp_path / 'o', progress=False)
    store = SkeletonStore(tmp_path / 'o')
    assert list(store.names) == [*train, *val]
    for key, names in small_benchmark.items():  # the other protocol, too
        assert [store.names[i] for i in store.splits[key]] == names
    assert len(report.splits) == 4
    wrong = labels['t'][:]
    wrong[3] = 5
    write(
        path,
        train=len(train),
        test=len(val),
        y_train=onehot(wrong, 60),
        y_test=onehot(labels['v'], 60),
    )
    with pytest.raises(ValueError, match=f'array y_train, row 3: label 5 .* {train[3]}'):
        convert_ctrgcn_npz(path, tmp_path / 'o', progress=False)


def test_the_four_benchmarks_have_different_sizes():
    sizes = {
        (n, len(splits[f'{p}_train']), len(splits[f'{p}_val']))
        for n, protocols in ((60, ('xsub', 'xview')), (120, ('xsub', 'xset')))
        for splits in [ntu_splits(n)]
        for p in protocols
    }
    assert sizes == {
        (60, 40091, 16487), (60, 37646, 18932), (120, 63026, 50919), (120, 54468, 59477)
    }  # fmt: skip


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(x_train=np.zeros((7, 3, 75), np.float32)), r'array x_train: expected \(N, T, 150\)'),
        (dict(y_test=np.zeros((5, 60))), 'array y_test: expected a single 1 per row'),
        (dict(y_test=np.eye(60)[:4]), '5 rows in x_test, but 4 in y_test'),
        (dict(y_test=np.eye(61)[:5]), r'have \[60, 61\] classes'),
        (dict(x_test=np.array([dict()], object)), 'array x_test: cannot be read by rows'),
        (dict(), '7 training and 5 test rows of 60 classes are no known benchmark'),
    ],
)
def test_wrong_arrays_are_named(tmp_path, changes, message):
    write(tmp_path / 'a.npz', **changes)
    with pytest.raises(ValueError, match=message):
        convert_ctrgcn_npz(tmp_path / 'a.npz', tmp_path / 'o', progress=False)


def test_a_missing_array_and_a_damaged_file_are_named(tmp_path):
    np.savez(tmp_path / 'a.npz', x_train=np.zeros(3))
    with pytest.raises(ValueError, match=r'a.npz: array x_test'):
        convert_ctrgcn_npz(tmp_path / 'a.npz', tmp_path / 'o')
    (tmp_path / 'b.npz').write_bytes(b'PK cut')
    with pytest.raises(ValueError, match=r'b.npz: array x_train: .*File is not a zip'):
        convert_ctrgcn_npz(tmp_path / 'b.npz', tmp_path / 'o')


def test_damage_inside_a_compressed_array_is_named(tmp_path):
    rows = np.random.default_rng(0).normal(size=(40, 5, 150)).astype(np.float32)
    onehot = np.eye(60)[:40]
    arrays = dict(x_train=rows, y_train=onehot, x_test=rows[:2], y_test=onehot[:2])
    np.savez_compressed(tmp_path / 'a.npz', **arrays)
    content = bytearray((tmp_path / 'a.npz').read_bytes())
    content[20_000:20_400] = bytes(400)
    (tmp_path / 'a.npz').write_bytes(content)
    with pytest.raises(ValueError, match=r'a.npz: array x_train: '):
        convert_ctrgcn_npz(tmp_path / 'a.npz', tmp_path / 'o', names='index', progress=False)
    assert not (tmp_path / 'o').exists()


@pytest.mark.parametrize('save', [np.savez, np.savez_compressed])
def test_rows_of_an_array(tmp_path, save):
    array = np.arange(60, dtype=np.float32).reshape(10, 2, 3)
    save(tmp_path / 'a.npz', first=np.zeros(9), second=array)
    rows = NpzArray(tmp_path / 'a.npz', 'second')
    assert (rows.shape, len(rows), rows.compressed) == ((10, 2, 3), 10, save is not np.savez)
    for start, stop in ((0, 1), (4, 7), (9, 10), (2, 3)):
        np.testing.assert_array_equal(rows.read(start, stop), array[start:stop])
    with pytest.raises(IndexError, match='array second has 10 rows, not 12'):
        rows.read(9, 12)


@pytest.mark.filterwarnings('error::RuntimeWarning')
def test_signalling_nan_is_read_without_a_warning(tmp_path):
    odd = np.ones((1, 2, 150), np.float32)
    odd.view(np.uint32)[0, 0, 75:] = 0x7F800001
    np.savez(tmp_path / 'x.npz', x_train=odd)
    reader = NpzReader({'train': NpzArray(tmp_path / 'x.npz', 'x_train')}, 'zeros')
    keypoint = reader(('train', 0))
    assert keypoint.shape == (2, 2, 25, 3)
    assert np.isnan(keypoint[1, 0]).all()
