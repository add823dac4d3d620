import hashlib
import json
import zipfile

import numpy as np
import pytest

from mmcl_ext.datasets.converters.nwucla import (
    NWUCLA_CLASSES,
    convert_nwucla,
    nwucla_val_order,
    read_nwucla_skeleton,
)
from mmcl_ext.datasets.store import SkeletonStore
from mmcl_ext.datasets.validation.check_store import check_store
from mmcl_ext.fileio.archive_file import ArchiveFile

# The first two of the published test order, and three of the training views.
VAL = ('a05_s04_e02_v03', 'a12_s09_e04_v03')
TRAIN = ('a01_s01_e00_v01', 'a08_s02_e01_v02', 'a12_s10_e04_v01')
LABELS = {'a01': 1, 'a05': 5, 'a08': 7, 'a12': 10}


def content(name, frames=3, **changes):
    joints = np.random.default_rng(len(name)).normal(size=(frames, 20, 3)).round(6)
    whole = dict(file_name=name, skeletons=joints.tolist(), label=LABELS[name[:3]])
    return whole | changes


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / 'raw' / 'all_sqe'
    folder.mkdir(parents=True)
    for i, name in enumerate((*VAL, *TRAIN)):
        (folder / f'{name}.json').write_text(json.dumps(content(name, 3 + i)))
    return folder.parent


def convert(source, out, **options):
    return convert_nwucla(source, out, processes=1, progress=False, **options)


def test_store(source, tmp_path):
    (source / 'val_label.json').write_text('[]')
    report = convert(source, tmp_path / 'o')
    store = SkeletonStore(tmp_path / 'o')
    assert list(store.names) == sorted([*VAL, *TRAIN])
    assert dict(zip(store.names, store.labels.tolist(), strict=True)) == {
        'a01_s01_e00_v01': 0,
        'a05_s04_e02_v03': 4,
        'a08_s02_e01_v02': 6,
        'a12_s09_e04_v03': 9,
        'a12_s10_e04_v01': 9,
    }
    assert store.layout == 'kinect_v1'
    assert store.classes == NWUCLA_CLASSES
    assert [store.names[i] for i in store.splits['xview_train']] == list(TRAIN)
    assert [store.names[i] for i in store.splits['xview_val']] == list(VAL)
    assert store.num_frames.tolist() == [5, 3, 6, 4, 7]
    expected = np.array(content(VAL[0])['skeletons'], np.float32)
    np.testing.assert_array_equal(store.keypoint(1)[0], expected)
    assert len(report.missing) == 462
    assert report.ignored == ('val_label.json',)
    assert '5 sequences, but the published archive holds 1484' in str(report)


def test_an_archive_gives_the_same(source, tmp_path):
    with zipfile.ZipFile(tmp_path / 'all_sqe.zip', 'w') as archive:
        for path in sorted((source / 'all_sqe').iterdir()):
            archive.write(path, f'all_sqe/{path.name}')
    convert(source, tmp_path / 'a')
    convert(tmp_path / 'all_sqe.zip', tmp_path / 'b')
    assert SkeletonStore(tmp_path / 'a').checksum() == SkeletonStore(tmp_path / 'b').checksum()


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(label=4), 'field label: 4 is not 5'),
        (dict(file_name='a05_s04_e02_v02'), "field file_name: 'a05_s04_e02_v02' is not"),
        (dict(skeletons=[]), r'field skeletons: expected \(T, 20, 3\)'),
        (dict(skeletons=[[[1, 2, 3]] * 19]), r'field skeletons: .* got \(1, 19, 3\)'),
        (dict(skeletons=[[[1, 2, 3]], [[1, 2]]]), 'field skeletons: '),
        (dict(skeletons=None), 'field skeletons: '),
        (
            dict(skeletons=[[[1, 2, float('nan')]] * 20]),
            'field skeletons: joint 0 of frame 0 not finite',
        ),
    ],
)
def test_malformed_field_is_named_with_its_file(source, tmp_path, changes, message):
    path = source / 'all_sqe' / f'{VAL[0]}.json'
    path.write_text(json.dumps(content(VAL[0], **changes)))
    with pytest.raises(ValueError, match=f'{path.name}: {message}'):
        convert(source, tmp_path / 'o')


@pytest.mark.parametrize(('text', 'message'), [('{"a": ', 'no JSON'), ('[1]', 'expected a dict')])
def test_other_text_is_refused(tmp_path, text, message):
    (tmp_path / f'{VAL[0]}.json').write_text(text)
    with pytest.raises(ValueError, match=f'{VAL[0]}.json: {message}'):
        read_nwucla_skeleton(ArchiveFile(tmp_path / f'{VAL[0]}.json'))


def test_source_without_sequences(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'no file such as a01_s01_e00_v01.json'):
        convert(tmp_path, tmp_path / 'o')


def test_published_order():
    names = nwucla_val_order()
    assert len(names) == len(set(names)) == 464
    assert names[:3] == (*VAL, 'a03_s03_e04_v03')
    assert hashlib.sha1('\n'.join(names).encode()).hexdigest()[:12] == '65be864f2ce5'


def test_real_archive(shared, tmp_path):
    report = convert(shared / 'datasets' / 'nw_ucla' / 'all_sqe.zip', tmp_path / 'o')
    store = SkeletonStore(tmp_path / 'o')
    assert (report.num_samples, report.splits) == (1484, dict(xview_train=1020, xview_val=464))
    assert report.missing == report.ignored == report.notes == ()
    assert not report.dropped
    counts = list(report.class_counts.values())
    assert [row['xview_val'] for row in counts] == [48, 50, 45, 49, 47, 47, 43, 43, 47, 45]
    assert [row['xview_train'] for row in counts] == [
        102, 102, 96, 124, 101, 102, 99, 99, 98, 97
    ]  # fmt: skip
    assert [store.names[i] for i in store.splits['xview_val']] == list(nwucla_val_order())
    lengths = store.num_frames
    assert (lengths.min(), lengths.max(), round(lengths.mean(), 2)) == (1, 201, 39.44)
    assert round(lengths[store.splits['xview_train']].mean(), 2) == 43.28
    assert round(lengths[store.splits['xview_val']].mean(), 2) == 31.01
    assert not store.num_nonfinite.any()
    # Two classes of the published test split are copies of training sequences.
    findings = check_store(store, progress=False)
    assert {finding.kind for finding in findings} == {'doubled'}  # none of scale or axes
    copies = findings[-1]
    assert copies.problem == "in 'xview_val' with the coordinates of a sample in 'xview_train'"
    assert {store.labels[store.names.index(name)] for name in copies.samples} == {1, 2}
    assert len(copies.samples) == 95
