"""Skeletons of one's own: arrays, tables, labels and layouts."""

import csv
import json
import subprocess
import sys

import numpy as np
import pytest

from mmcl_ext.datasets import SkeletonDataset
from mmcl_ext.datasets.converters.custom import convert_custom
from mmcl_ext.datasets.store import SkeletonStore
from mmcl_ext.graphs import get_layout

STICK = dict(
    joint_names=['hip', 'chest', 'head', 'left_hand', 'right_hand'],
    edges=[[1, 0], [2, 1], [3, 1], [4, 1]],
    center=0,
    pairs=[[3, 4]],
)


def pose(seed, M=1, T=4, V=17, C=2):
    return np.random.default_rng(seed).normal(size=(M, T, V, C)).astype(np.float32)


def write_table(path, rows):
    with path.open('w', newline='') as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def table_rows(keypoint, names=None, axes='xyz', **more):
    return [
        dict(person=m, frame=t, joint=names[v] if names else v)
        | {axis: float(keypoint[m, t, v, c]) for c, axis in enumerate(axes)}
        | more
        for m, t, v in np.ndindex(keypoint.shape[:3])
    ]


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / 'raw'
    folder.mkdir()
    np.save(folder / 'a.npy', pose(0)[0])  # (T, V, C)
    np.save(folder / 'b.npy', pose(1, 2, 6))  # (M, T, V, C)
    write_table(folder / 'c.csv', table_rows(pose(2, 2, 3), axes='xy'))
    (folder / 'labels.csv').write_text(
        'name,label,split\na,wave,train;small\nb,kick,train\nc,wave,val\nd,kick,val\n'
    )
    (folder / 'notes.npy').write_bytes(b'')
    return folder


def convert(source, out, layout='coco', **options):
    return convert_custom(source, out, layout=layout, processes=1, progress=False, **options)


def test_store(source, tmp_path):
    report = convert(source, tmp_path / 'o')
    store = SkeletonStore(tmp_path / 'o')
    assert list(store.names) == ['a', 'b', 'c']
    assert store.classes == ('kick', 'wave')
    assert store.labels.tolist() == [1, 0, 1]
    splits = {key: index.tolist() for key, index in store.splits.items()}
    assert splits == dict(train=[0, 1], small=[0], val=[2])
    for i, expected in enumerate((pose(0), pose(1, 2, 6), pose(2, 2, 3))):
        np.testing.assert_allclose(store.keypoint(i), expected, rtol=1e-6)
    assert report.missing == ('d',)
    assert report.ignored == ('notes.npy',)


def test_scores_and_joints_by_name(tmp_path):
    names = get_layout('kinect_v1').joint_names
    keypoint = pose(0, 1, 3, 20, 3)
    write_table(tmp_path / 'a.csv', table_rows(keypoint, names, score=0.25)[:-1])
    (tmp_path / 'labels.csv').write_text('name,label\na,1\n')
    convert(tmp_path, tmp_path / 'o', layout='kinect_v1')
    store = SkeletonStore(tmp_path / 'o')
    keypoint[0, 2, 19] = 0  # the line that was left out
    np.testing.assert_allclose(store.keypoint(0), keypoint, rtol=1e-6)
    score = store.keypoint_score(0)
    assert score.shape == (1, 3, 20)
    assert (score[0, 0, 0], score[0, 2, 19]) == (0.25, 0)
    assert store.classes == ('class0', 'class1')


def test_labels_by_number_and_classes_on_demand(source, tmp_path):
    (tmp_path / 'my.csv').write_text('name,label\na,2\nb,0\n')
    convert(source, tmp_path / 'o', labels=tmp_path / 'my.csv', classes=['x', 'y', 'z'])
    store = SkeletonStore(tmp_path / 'o')
    assert store.labels.tolist() == [2, 0]
    assert store.classes == ('x', 'y', 'z')
    (tmp_path / 'my.csv').write_text('name,label\na,3\n')
    with pytest.raises(ValueError, match=r"my.csv: sample 'a': label '3' is none of the 3"):
        convert(source, tmp_path / 'o', labels=tmp_path / 'my.csv', classes=['x', 'y', 'z'])


@pytest.fixture
def stick_store(tmp_path):
    folder = tmp_path / 'stick'
    folder.mkdir()
    (tmp_path / 'stick.json').write_text(json.dumps(dict(name='stick-5', **STICK)))
    np.save(folder / 'a.npy', pose(0, 1, 4, 5, 3))
    (folder / 'labels.csv').write_text('name,label,split\na,0,train\n')
    convert(folder, tmp_path / 'o.safetensors', layout=tmp_path / 'stick.json')
    return tmp_path / 'o.safetensors'


def test_a_layout_of_ones_own(stick_store):
    dataset = SkeletonDataset(stick_store, 'train', [dict(type='SkeletonStream', stream='bone')])
    keypoint = pose(0, 1, 4, 5, 3)
    bone = keypoint - keypoint[:, :, [0, 0, 1, 1, 1]]
    np.testing.assert_allclose(dataset[0]['keypoint'], bone, rtol=1e-6)


def test_the_store_tells_its_layout_to_another_process(stick_store):
    code = (
        'from mmcl_ext.graphs import get_layout\n'
        'from mmcl_ext.datasets.store import SkeletonStore\n'
        f'store = SkeletonStore({str(stick_store)!r})\n'
        'print(get_layout(store.layout).joint_names, get_layout(store.layout).pairs)\n'
    )
    run = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', code], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == f'{tuple(STICK["joint_names"])} ((3, 4),)'


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('{"edges": []}', "a layout is an object with a 'name'"),
        ('{"name": ', 'Expecting value'),
        (json.dumps(dict(STICK, name='bad', center=9)), 'joint 9 of center'),
    ],
)
def test_a_bad_layout_file_is_named(source, tmp_path, text, message):
    (tmp_path / 'my.json').write_text(text)
    with pytest.raises(ValueError, match=f'my.json: .*{message}'):
        convert(source, tmp_path / 'o', layout=tmp_path / 'my.json')
    with pytest.raises(ValueError, match="unknown layout 'nothing'"):
        convert(source, tmp_path / 'o', layout='nothing')


def test_axes_that_can_be_read_two_ways(tmp_path):
    """The (C, T, V, M) of ST-GCN's feeders is refused, or read as what --axes says."""
    array = np.random.default_rng(0).normal(size=(3, 9, 17, 2)).astype('f4')
    np.save(tmp_path / 'a.npy', array)
    (tmp_path / 'labels.csv').write_text('name,label\na,0\n')
    out = tmp_path / 's.safetensors'
    with pytest.raises(ValueError, match=r'may be \(M, T, V, C\), 3 .* or \(C, T, V, M\), 2 pers'):
        convert_custom(tmp_path, out, layout='coco', progress=False)
    for axes, expected in (('MTVC', array), ('CTVM', array.transpose(3, 1, 2, 0))):
        convert_custom(tmp_path, out, layout='coco', axes=axes, progress=False)
        np.testing.assert_array_equal(SkeletonStore(out).keypoint(0), expected)


def test_four_channels(tmp_path):
    np.save(tmp_path / 'a.npy', np.ones((9, 17, 4)))
    (tmp_path / 'labels.csv').write_text('name,label\na,0\n')
    with pytest.raises(ValueError, match='2 or 3 coordinates, got 4; confidences go into keypo'):
        convert_custom(tmp_path, tmp_path / 's.safetensors', layout='coco', progress=False)


def test_numbers_of_a_tracker_are_ranked(tmp_path):
    """Tracker 1042 is the second person, not the 1,043rd."""
    rows = [f'{t},{v},{t},{v},{p}' for p in (1042, 7) for t in range(3) for v in range(17)]
    (tmp_path / 'a.csv').write_text('frame,joint,x,y,person\n' + '\n'.join(rows))
    (tmp_path / 'labels.csv').write_text('name,label\na,0\n')
    convert_custom(tmp_path, tmp_path / 's.safetensors', layout='coco', progress=False)
    assert SkeletonStore(tmp_path / 's.safetensors').keypoint(0).shape == (2, 3, 17, 2)


@pytest.mark.parametrize(
    ('table', 'message'),
    [
        ('frame,joint,x\n0,0,1\n', 'line 1: needs frame, joint, x and y'),
        ('frame,joint,x,y\n0,0,1,2\n0,17,1,2\n', "line 3: unknown joint '17'"),
        ('frame,joint,x,y\n0,left_hoof,1,2\n', "line 2: unknown joint 'left_hoof'"),
        ('frame,joint,x,y\n0,0,1,two\n', 'line 2: could not convert'),
        ('frame,joint,x,y\n0,0,1\n', 'line 2: '),
        ('frame,joint,x,y\n0,0,1,2\n0,0,1,2\n', 'line 3: this joint of this frame stands'),
        ('frame,joint,x,y\n-1,0,1,2\n', 'line 2: person 0 and frame -1 count from 0'),
        ('frame,joint,x,y\n9999999,0,1,2\n', '10000000 frames, but only 1 line'),
        ('frame,joint,x,y\n', 'no joints'),
    ],
)
def test_malformed_table_is_named_with_its_line(source, tmp_path, table, message):
    (source / 'c.csv').write_text(table)
    with pytest.raises(ValueError, match=f'c.csv.*{message}'):
        convert(source, tmp_path / 'o')


@pytest.mark.parametrize(
    ('array', 'message'),
    [
        (np.zeros((4, 18, 2)), r"V = 17 joints of layout 'coco', got \(4, 18, 2\)"),
        (np.zeros((4, 17)), r'got float64 of \(4, 17\)'),
        (np.full((4, 17, 2), 'x'), 'got <U1'),
        (np.array([dict()], object), 'Object arrays cannot be loaded'),
    ],
)
def test_wrong_array_is_named(source, tmp_path, array, message):
    np.save(source / 'a.npy', array)
    with pytest.raises(ValueError, match=f'a.npy: .*{message}'):
        convert(source, tmp_path / 'o')


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('file,label\na,1\n', 'line 1: needs name and label'),
        ('name,label\na,1\na,2\n', "line 3: sample 'a' comes twice"),
        ('name,label\na,\n', "line 2: sample 'a' needs a name and a label"),
    ],
)
def test_malformed_labels_are_named(source, tmp_path, text, message):
    (source / 'labels.csv').write_text(text)
    with pytest.raises(ValueError, match=f'labels.csv, {message}'):
        convert(source, tmp_path / 'o')


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (b'name,label\na,1000000000000\n', 'label 1000000000000 is no class'),
        (b'name,label\na,gr\xfcn\n', 'not a table in UTF-8'),
        (b'name,label\na,' + b'1' * 200_000, 'a line has more than 100,000 bytes'),
    ],
)
def test_absurd_labels_are_named(source, tmp_path, content, message):
    (source / 'labels.csv').write_bytes(content)
    with pytest.raises(ValueError, match=f'labels.csv.*{message}'):
        convert(source, tmp_path / 'o')


def test_labels_of_two_kinds(source, tmp_path):
    (source / 'labels.csv').write_text('name,label\na,1\nb,kick\n')
    with pytest.raises(ValueError, match=r"labels.csv: .* numbers \('1'\) and names \('kick'\)"):
        convert(source, tmp_path / 'o')
    convert(source, tmp_path / 'o', classes=('kick', 'wave'))
    assert SkeletonStore(tmp_path / 'o').labels.tolist() == [1, 0]


def test_other_number_of_coordinates(source, tmp_path):
    np.save(source / 'b.npy', pose(1, C=3))
    with pytest.raises(ValueError, match=r'b\.npy has 3 coordinates per joint, .*a\.npy has 2'):
        convert(source, tmp_path / 'o')


def test_missing_pieces(source, tmp_path):
    (source / 'labels.csv').write_text('name,label\nzzz,1\n')
    with pytest.raises(FileNotFoundError, match='none of the samples named in'):
        convert(source, tmp_path / 'o')
    (source / 'labels.csv').unlink()
    with pytest.raises(FileNotFoundError, match=r'no table of labels .*labels.csv: .*--labels'):
        convert(source, tmp_path / 'o')
    write_table(source / 'a.csv', table_rows(pose(0), axes='xy'))
    (source / 'labels.csv').write_text('name,label\na,1\n')
    with pytest.raises(ValueError, match='sample a comes twice'):
        convert(source, tmp_path / 'o')


def test_splits_by_subject(tmp_path):
    folder = tmp_path / 'raw'
    folder.mkdir()
    names = [f'p{subject}_wave_{i}' for subject in range(1, 5) for i in range(3)]
    for i, name in enumerate(names):
        np.save(folder / f'{name}.npy', pose(i))
    (folder / 'labels.csv').write_text(
        'name,label,split\n' + ''.join(f'{name},wave,all\n' for name in names)
    )
    options = dict(subject_pattern=r'p(\d).*', fraction=0.4)
    report = convert(folder, tmp_path / 'out.safetensors', **options)
    assert report.splits == dict(all=12, xsub_train=6, xsub_test=6)
    store = SkeletonStore(tmp_path / 'out.safetensors')
    train, test = (
        {store.names[i][1] for i in store.split(split)} for split in ('xsub_train', 'xsub_test')
    )
    assert len(train) == len(test) == 2
    assert not train & test
    assert f'subjects tested on: {", ".join(sorted(test))}' in str(report)

    with pytest.raises(ValueError, match=r"'p1_wave_0'.*does not match p\(x\)"):
        convert(folder, tmp_path / 'o.safetensors', subject_pattern='p(x)')
    with pytest.raises(ValueError, match='fraction must be between 0 and 1'):
        convert(folder, tmp_path / 'o.safetensors', subject_pattern=r'p(\d).*', fraction=0.0)
    with pytest.raises(ValueError, match='--fraction goes with --subject-pattern'):
        convert(folder, tmp_path / 'o.safetensors', fraction=0.4)


def test_samples_without_splits(source, tmp_path):
    (source / 'labels.csv').write_text('name,label\na,wave\nb,kick\n')
    assert 'splits: none' in str(convert(source, tmp_path / 'out.safetensors')).splitlines()


@pytest.mark.parametrize(
    ('written', 'file'),
    [
        ('wave1.npy', 'wave1'),
        ('Wave1', 'wave1'),
        ('clips/wave1', 'wave1'),
        (r'clips\wave1', 'wave1'),
        ('caf\u00e9', 'cafe\u0301'),
        ('cafe\u0301', 'caf\u00e9'),
    ],
)
def test_a_name_that_is_written_otherwise_than_the_file(tmp_path, written, file):
    """Else the sample would be left out, and the others would train."""
    np.save(tmp_path / f'{file}.npy', pose(0))
    np.save(tmp_path / 'sit1.npy', pose(1))
    (tmp_path / 'labels.csv').write_text(f'name,label\nsit1,sit\n{written},wave\n')
    with pytest.raises(ValueError, match='has no file, but there is one for') as caught:
        convert(tmp_path, tmp_path / 'out.safetensors')
    assert 'labels.csv' in str(caught.value)
    assert not (tmp_path / 'out.safetensors').exists()
