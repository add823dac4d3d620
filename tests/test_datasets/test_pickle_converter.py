"""Annotation pickles to stores and back."""

import os
import pickle

import numpy as np
import pytest

from mmcl_ext.datasets import AnnotationPickle
from mmcl_ext.datasets.converters import convert_pickle, export_pickle, ntu_classes
from mmcl_ext.datasets.store import SkeletonStore

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
    convert_pickle(path, folder / 'a.safetensors', **options)
    export_pickle(folder / 'a.safetensors', folder / 'back.pkl')
    return pickle.loads((folder / 'back.pkl').read_bytes())


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
    )
    store = SkeletonStore(tmp_path / 'o')
    assert (store.classes[59], store.layout, store.dtype) == ('c59', 'nturgb+d-ctrgcn', 'float16')
    assert (report.num_samples, report.num_frames) == (2, 9)


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
