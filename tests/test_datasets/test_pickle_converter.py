"""Annotation pickles to stores and back."""

import json
import os
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmcl_ext.datasets import AnnotationPickle
from mmcl_ext.datasets.converters.ntu_protocol import ntu_classes
from mmcl_ext.datasets.converters.pickle_file import PickleReader, convert_pickle, export_pickle
from mmcl_ext.datasets.store import SkeletonStore
from mmcl_ext.inference import read_clips

NTU = ('S001C001P001R001A001', 'S001C002P003R001A060', 'S002C003P001R001A005')


def skeletons(names, dtype, V=25, C=3):
    rng = np.random.default_rng(0)
    return [
        dict(
            frame_dir=name,
            label=int(name[17:]) - 1 if name in NTU else i,
            total_frames=4 + i,
            keypoint=rng.normal(size=(1 + i % 2, 4 + i, V, C)).astype(dtype),
        )
        for i, name in enumerate(names)
    ]


def dump(path, annotations, **split):
    path.write_bytes(pickle.dumps(dict(split=split, annotations=annotations)))
    return path


def round_trip(path, folder, **options):
    options = dict(processes=1, progress=False) | options
    convert_pickle(path, folder / 'a.safetensors', **options)
    export_pickle(folder / 'a.safetensors', folder / 'back.pkl', progress=False)
    return pickle.loads((folder / 'back.pkl').read_bytes())


def test_layout_from_a_file(tmp_path):
    names = [f'j{i}' for i in range(33)]
    edges = [[i, i - 1] for i in range(1, 33)]
    description = dict(name='pickled33', joint_names=names, edges=edges, center=0)
    (tmp_path / 'mine.json').write_text(json.dumps(description))
    path = dump(tmp_path / 'a.pkl', skeletons(('a', 'b'), np.float32, V=33))
    options = dict(layout=tmp_path / 'mine.json', processes=1, progress=False)
    convert_pickle(path, tmp_path / 'a.safetensors', **options)
    assert SkeletonStore(tmp_path / 'a.safetensors').layout == 'pickled33'


def test_a_name_that_comes_twice(tmp_path):
    path = dump(tmp_path / 'a.pkl', skeletons(('a', 'b', 'a'), np.float32))
    with pytest.raises(ValueError, match=r"a\.pkl: 2 samples are called 'a'"):
        convert_pickle(path, tmp_path / 'a.safetensors', processes=1, progress=False)


def test_four_channels(tmp_path):
    path = dump(tmp_path / 'a.pkl', skeletons(('a', 'b'), np.float32, C=4))
    with pytest.raises(ValueError, match='expected 2 or 3 coordinates, got 4'):
        AnnotationPickle(path)


@pytest.mark.parametrize('dtype', [np.float16, np.float32])
def test_round_trip_of_skeletons(tmp_path, dtype):
    annotations = skeletons(NTU, dtype)
    split = dict(xsub_train=[NTU[0], NTU[2]], xsub_val=[NTU[1]], empty=[])
    back = round_trip(dump(tmp_path / 'ntu.pkl', annotations, **split), tmp_path)
    assert back['split'] == split
    for before, after in zip(annotations, back['annotations'], strict=True):
        assert set(before) == set(after)
        assert after['keypoint'].dtype == dtype
        np.testing.assert_array_equal(after['keypoint'], before['keypoint'])
        for key in ('frame_dir', 'label', 'total_frames'):
            assert after[key] == before[key]
            assert type(after[key]) is type(before[key])
    store = SkeletonStore(tmp_path / 'a.safetensors')
    assert store.classes == ntu_classes(60)
    assert store.layout == 'nturgb+d'


def test_round_trip_of_poses_in_the_image(tmp_path):
    annotations = skeletons(['a', 'b', 'c'], np.float16, 17, 2)
    for i, annotation in enumerate(annotations):
        annotation['keypoint_score'] = np.full(annotation['keypoint'].shape[:3], 0.5, np.float16)
        annotation['img_shape'] = (240, 320)
        annotation['original_shape'] = (480 + i, 640)
    back = round_trip(dump(tmp_path / 'p.pkl', annotations, train=['a', 'b', 'c']), tmp_path)
    for before, after in zip(annotations, back['annotations'], strict=True):
        assert set(before) == set(after)
        for key in ('keypoint', 'keypoint_score'):
            np.testing.assert_array_equal(after[key], before[key])
            assert after[key].dtype == np.float16
        for key in ('img_shape', 'original_shape'):
            assert after[key] == before[key]
    store = SkeletonStore(tmp_path / 'a.safetensors')
    assert (store.layout, store.classes) == ('coco', ('class0', 'class1', 'class2'))


def test_the_exported_file_is_read_as_plain_data(tmp_path):
    path = dump(tmp_path / 'ntu.pkl', skeletons(NTU, np.float16), all=list(NTU))
    round_trip(path, tmp_path)
    assert list(AnnotationPickle(tmp_path / 'back.pkl').names) == list(NTU)


def test_classes_layout_and_type_on_demand(tmp_path):
    path = dump(tmp_path / 'ntu.pkl', skeletons(NTU[:2], np.float32))
    report = convert_pickle(
        path,
        tmp_path / 'o',
        classes=[f'c{i}' for i in range(60)],
        layout='nturgb+d-ctrgcn',
        dtype='float16',
        processes=1,
        progress=False,
    )
    store = SkeletonStore(tmp_path / 'o')
    assert (store.classes[59], store.layout, store.dtype) == ('c59', 'nturgb+d-ctrgcn', 'float16')
    assert (report.num_samples, report.num_frames) == (2, 9)
    assert report.class_counts['59 c59'] == dict(kept=1, dropped=0)


def test_reports_and_labels_outside(tmp_path, capsys):
    path = dump(
        tmp_path / 'p.pkl', skeletons('abc', np.float16, 17, 2), train=['a', 'c'], val=['b']
    )
    report = convert_pickle(path, tmp_path / 'o', processes=1)
    assert '3/3' in capsys.readouterr().err
    assert report.class_counts['2 class2'] == dict(kept=1, dropped=0, train=1, val=0)
    back = export_pickle(tmp_path / 'o', tmp_path / 'deep' / 'back.pkl')
    assert '3/3' in capsys.readouterr().err
    assert back.class_counts == report.class_counts
    with pytest.raises(ValueError, match=r"p.pkl: sample 'c': label 2 is outside the 2 classes"):
        convert_pickle(path, tmp_path / 'o', classes=['x', 'y'], progress=False)


def test_a_store_is_not_overwritten_by_its_export(tmp_path):
    path = dump(tmp_path / 'p.pkl', skeletons('abc', np.float16, 17, 2))
    convert_pickle(path, tmp_path / 'o', processes=1, progress=False)
    before = SkeletonStore(tmp_path / 'o').checksum()
    with pytest.raises(ValueError, match=r'needs a name that ends in .pkl, got .*/o$'):
        export_pickle(tmp_path / 'o', tmp_path / 'o')
    assert SkeletonStore(tmp_path / 'o').checksum() == before


def test_processes_and_a_stopped_run_do_not_change_the_store(tmp_path, monkeypatch):
    """600 samples are three parts; the second run finds those of the first."""
    names = [f'clip{i}' for i in range(600)]
    annotations = [dict(a, label=0) for a in skeletons(names, np.float16, 17, 2)]
    cut = [dict(a, keypoint=a['keypoint'][:, :4], total_frames=4) for a in annotations]
    path = dump(tmp_path / 'p.pkl', cut)
    convert_pickle(path, tmp_path / 'whole', processes=2, progress=False)

    reads = []

    def read(self, index):
        reads.append(index)
        if index == 300 and 599 not in reads:
            raise OSError('disk on fire')
        return original(self, index)

    original = PickleReader.__call__
    monkeypatch.setattr(PickleReader, '__call__', read)
    with pytest.raises(OSError, match='on fire'):
        convert_pickle(path, tmp_path / 'o', processes=1, progress=False)
    assert not (tmp_path / 'o').exists()
    assert reads == list(range(301))
    reads[:] = [599]
    convert_pickle(path, tmp_path / 'o', processes=1, progress=False)
    assert reads == [599, *range(256, 600)]
    stores = [SkeletonStore(tmp_path / name) for name in ('whole', 'o')]
    assert stores[0].checksum() == stores[1].checksum()


def test_the_reader_reopens_its_file_elsewhere(tmp_path):
    path = dump(tmp_path / 'p.pkl', skeletons('ab', np.float16, 17, 2))
    reader = PickleReader(AnnotationPickle(path))
    copied = pickle.loads(pickle.dumps(reader))
    assert len(pickle.dumps(reader)) < 1000
    np.testing.assert_array_equal(copied(1)['keypoint'], reader(1)['keypoint'])


class Hostile:
    def __reduce__(self):
        return os.mkdir, (self.folder,)


def test_a_hostile_file_is_refused_and_nothing_runs(tmp_path):
    hostile = Hostile()
    hostile.folder = str(tmp_path / 'ran')
    path = dump(tmp_path / 'bad.pkl', [dict(frame_dir='a', label=0, keypoint=hostile)])
    with pytest.raises(ValueError, match=r'bad.pkl: .*refused posix.mkdir'):
        convert_pickle(path, tmp_path / 'o')
    assert not (tmp_path / 'ran').exists()
    assert not (tmp_path / 'o').exists()
    pickle.loads(path.read_bytes())  # the ordinary loader would have run it
    assert (tmp_path / 'ran').exists()


@pytest.mark.parametrize(
    'content',
    [tuple, list, lambda found: dict(split={}, annotations=tuple(found)), OrderedDict],
    ids=['tuple', 'list', 'tuple in a dict', 'OrderedDict'],
)
def test_containers_of_annotations(tmp_path: Path, content: Any) -> None:
    found = skeletons(NTU, 'f4')
    given = content(split={}, annotations=found) if content is OrderedDict else content(found)
    (tmp_path / 'a.pkl').write_bytes(pickle.dumps(given))
    clips = list(read_clips(tmp_path / 'a.pkl'))
    convert_pickle(tmp_path / 'a.pkl', tmp_path / 'a.safetensors', progress=False, processes=1)
    store = SkeletonStore(tmp_path / 'a.safetensors')
    assert list(store.names) == [clip.name for clip in clips] == list(NTU)
    for i, clip in enumerate(clips):
        np.testing.assert_array_equal(store.keypoint(i), clip.keypoint)


@pytest.mark.parametrize('kind', ['lists', 'tuples', 'one person', 'lists of one person'])
def test_conversion_reads_what_prediction_reads(tmp_path: Path, kind: str) -> None:
    keypoint = np.random.default_rng(0).normal(size=(1, 5, 17, 2)).astype(np.float32)
    score = np.ones((1, 5, 17), np.float32)
    given = [array if 'person' not in kind else array[0] for array in (keypoint, score)]
    if 'lists' in kind:
        given = [array.tolist() for array in given]
    if kind == 'tuples':
        given = [tuple(map(tuple, array)) for array in given]
    annotation = dict(frame_dir='a', label=0, keypoint=given[0], keypoint_score=given[1])
    (tmp_path / 'a.pkl').write_bytes(pickle.dumps([annotation]))
    convert_pickle(tmp_path / 'a.pkl', tmp_path / 'a.safetensors', progress=False)
    (clip,) = read_clips(tmp_path / 'a.pkl')
    store = SkeletonStore(tmp_path / 'a.safetensors')
    for read in (clip.keypoint, store.keypoint(0)):
        np.testing.assert_array_equal(read, keypoint)
    for read in (clip.keypoint_score, store.keypoint_score(0)):
        np.testing.assert_array_equal(read, score)


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(keypoint=np.ones((17, 2))), "'keypoint': expected numbers"),
        (dict(keypoint=[[['1', '2']]]), "'keypoint': expected numbers"),
        (dict(keypoint=np.ones((1, 5, 17, 2), bool)), "'keypoint': expected numbers"),
        (dict(keypoint_score=np.ones((5, 1, 17))), "'keypoint_score': expected numbers .1, 5, 17."),
        (dict(total_frames=6), "'total_frames': 6, but keypoint has 5 frames"),
    ],
)
def test_conversion_refuses_what_prediction_refuses(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    annotation = dict(frame_dir='a', label=0, keypoint=np.ones((1, 5, 17, 2))) | changes
    (tmp_path / 'a.pkl').write_bytes(pickle.dumps([annotation]))
    with pytest.raises(ValueError, match=f"sample 'a': field {message}"):
        convert_pickle(tmp_path / 'a.pkl', tmp_path / 'a.safetensors', progress=False)
    with pytest.raises(ValueError, match=f"clip 'a': field {message}"):
        list(read_clips(tmp_path / 'a.pkl'))


def test_values_that_are_not_finite_are_counted(tmp_path: Path) -> None:
    keypoint = np.ones((1, 5, 17, 2))
    keypoint[0, 1, 3] = np.nan, np.inf
    samples = [np.ones((1, 5, 17, 2)), keypoint]
    annotations = [dict(frame_dir=str(i), label=0, keypoint=k) for i, k in enumerate(samples)]
    (tmp_path / 'a.pkl').write_bytes(pickle.dumps(annotations))
    assert AnnotationPickle(tmp_path / 'a.pkl').num_nonfinite.tolist() == [0, 2]
