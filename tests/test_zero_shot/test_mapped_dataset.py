"""A store under the classes of another data set."""

import pickle

import numpy as np
import pytest
from mmengine.registry import init_default_scope
from tiny_data import tiny_samples

from mmcl_ext.datasets import MappedSkeletonDataset
from mmcl_ext.datasets.store import write_store

CLASSES = ('class0', 'class1', 'class2')  # of the file, samples 0 1 2 0 1 2 ...
MAP = dict(
    rows=[dict(target='class2', source='b'), dict(target='class0', source=['c', 'd'])],
    excluded=['class1'],
)


@pytest.fixture(autouse=True)
def _scope():
    init_default_scope('mmcl_ext')


@pytest.fixture
def store(tmp_path):
    samples = list(tiny_samples(num_samples=12, layout='kinect_v1', num_person=1))
    names = [sample['name'] for sample in samples]
    path = tmp_path / 'tiny.safetensors'
    splits = dict(train=names[:9], val=names[9:], ones=names[1::3])
    write_store(path, samples, layout='kinect_v1', classes=CLASSES, splits=splits)
    return str(path)


def build(store, split=None, pipeline=(), **changes):
    options = dict(class_map=MAP, source_classes=['a', 'b', 'd', 'c']) | changes
    return MappedSkeletonDataset(store, split, pipeline, test_mode=True, **options)


def test_labels_and_counts(store):
    dataset = build(store, 'train')
    assert dataset.sample_names == [f'sample{i:03d}' for i in (0, 2, 3, 5, 6, 8)]
    assert dataset.labels.tolist() == [2, 1, 2, 1, 2, 1]
    items = [dataset.get_data_info(i) for i in range(len(dataset))]
    assert [item['label'] for item in items] == [2, 1, 2, 1, 2, 1]
    assert [item['target_label'] for item in items] == [0, 2, 0, 2, 0, 2]
    assert [item['sample_name'] for item in items] == dataset.sample_names
    assert dataset.metainfo['classes'] == ('a', 'b', 'd', 'c')
    assert dataset.metainfo['excluded_samples'] == dict(class1=3)
    assert dataset.get_cat_ids(1) == [1]
    assert len(build(store)) == 8


def test_items_reach_the_metric(store):
    pipeline = [
        dict(type='InterpolateJoints', target='nturgb+d'),
        dict(type='FormatSkeleton', num_person=2),
        dict(
            type='PackActionInputs',
            collect_keys=('keypoint',),
            meta_keys=('sample_name', 'target_label'),
        ),
    ]
    item = build(store, 'train', pipeline)[1]
    assert item['inputs']['keypoint'].shape[-2:] == (25, 3)
    assert item['data_samples'].gt_label.tolist() == [1]
    assert item['data_samples'].target_label == 2


def test_subset(store):
    subset = build(store).get_subset(np.array([1, 0]))
    assert subset.sample_names == ['sample002', 'sample000']
    assert subset.labels.tolist() == [1, 2]


@pytest.mark.parametrize(
    ('split', 'changes', 'message'),
    [
        (None, dict(source_classes='ntu60'), "'b' is no class of the source"),
        (None, dict(source_classes='ntu61'), "no class names of 'ntu61'"),
        (None, dict(target_classes=['class0', 'class2']), "'class1' is no class of the target"),
        ('ones', {}, 'the class map excludes every sample'),
        ('test', {}, "no split 'test'"),
    ],
)
def test_refused(store, split, changes, message):
    with pytest.raises(ValueError, match=message):
        build(store, split, **changes)


def test_files_without_class_names(tmp_path):
    path = tmp_path / 'unnamed.pkl'
    samples = tiny_samples(layout='kinect_v1', num_person=1)
    annotations = [
        dict(frame_dir=s['name'], label=s['label'], keypoint=s['keypoint'],
             total_frames=s['keypoint'].shape[1])
        for s in samples
    ]  # fmt: skip
    path.write_bytes(pickle.dumps(dict(split={}, annotations=annotations)))
    with pytest.raises(ValueError, match='holds no class names'):
        build(path)
    names = ['class0', 'class1', 'class2']
    assert len(build(path, target_classes=names)) == 8
    two = dict(rows=MAP['rows'][1:], excluded=['class1'])
    with pytest.raises(ValueError, match='has label 2, but 2 classes'):
        build(path, target_classes=names[:2], class_map=two)
