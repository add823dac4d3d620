"""Tables, poses, pickles, scores and layouts that contradict themselves are refused by name."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from mmcl_ext.datasets.converters import convert_custom
from mmcl_ext.datasets.converters.custom import CustomReader
from mmcl_ext.datasets.store import write_store
from mmcl_ext.datasets.store.annotation_pickle import AnnotationPickle
from mmcl_ext.evaluation.score_files import read_scores
from mmcl_ext.fileio.archive_file import ArchiveFile
from mmcl_ext.fileio.checkpoint import read_checkpoint
from mmcl_ext.graphs.adjacency import hop_distance
from mmcl_ext.graphs.layouts import load_layout


@pytest.mark.parametrize(
    ('table', 'message'),
    [
        ('name,label\na,0\nb,3.0\n', r'label 3\.0 is no whole number'),
        ('name,label\na,0\nb,-1\n', 'label -1 is no whole number'),
        ('name,label\na,0\nb,sit\n', r"the labels are numbers \('0'\) and names \('sit'"),
        ('name,label\na,Sit\nb,sit\n', "class 'sit' and the class 'Sit' differ in capitals"),
        ('name,label\na,caf\u00e9\nb,cafe\u0301\n', 'form of Unicode alone'),
        ('name,label,label\na,0,1\nb,1,0\n', 'line 1: a column comes twice'),
        ('name,label,split\na,wave, up,train\nb,0,t\n', 'line 2: 4 cells in 3 columns: put text'),
        ('name,label,split\na,0,t;t\nb,0,t\n', "line 2: sample 'a' is in a split twice"),
        ('name,label,split\na,0,Train\nb,0,train\n', "the split 'train' and the split 'Train'"),
    ],
)
def test_label_tables(tmp_path: Path, table: str, message: str) -> None:
    for name in 'ab':
        np.save(tmp_path / f'{name}.npy', np.ones((2, 17, 2)))
    (tmp_path / 'labels.csv').write_text(table, 'utf-8')
    with pytest.raises(ValueError, match=rf'labels\.csv.*{message}'):
        convert_custom(tmp_path, tmp_path / 'o.safetensors', layout='coco', progress=False)


def test_numbers_that_are_names_of_other_classes(tmp_path: Path) -> None:
    np.save(tmp_path / 'a.npy', np.ones((2, 17, 2)))
    (tmp_path / 'labels.csv').write_text('name,label\na,0\n')
    with pytest.raises(ValueError, match='label 0 is the name of class 1, and a number'):
        convert_custom(tmp_path, tmp_path / 'o', layout='coco', classes=('1', '0'))


@pytest.mark.parametrize(
    ('table', 'message'),
    [
        ('frame,joint,x,y,x\n0,0,1,2,3\n', 'line 1: a column comes twice'),
        ('frame,joint,x,y\n0,0,1,2,3\n', 'line 2: 5 cells in 4 columns'),
        ('frame,joint,x,y\n0,0,1_0,2\n', "line 2: no number: '1_0'"),
        ('frame,joint,x,y\n1_0,0,1,2\n', "line 2: no whole number: '1_0'"),
        ('frame,joint,x,y\n0,0,1\n', 'line 2: could not convert'),
    ],
)
def test_tables_of_joints(tmp_path: Path, table: str, message: str) -> None:
    (tmp_path / 'a.csv').write_text(table)
    with pytest.raises(ValueError, match=rf'a\.csv, {message}'):
        CustomReader('coco')(ArchiveFile(tmp_path / 'a.csv'))


BODY = dict(keypoints=[[1.0, 2.0]] * 17, keypoint_scores=[1.0] * 17)


@pytest.mark.parametrize(
    ('frames', 'message'),
    [
        ([dict(frame_id=3, instances=[BODY])] * 2, 'frame_id 3 is no new frame number'),
        ([dict(frame_id=1.5, instances=[BODY])], r'frame_id 1\.5 is no new'),
        ([dict(frame_id=True, instances=[BODY])], 'frame_id True is no new'),
        ([dict(instances=[dict(BODY, track_id=7)] * 2)], 'frame 0: track_id 7 stands for two'),
        ([dict(instances=[dict(BODY, keypoints=[['1', '2']] * 17)])], 'expected numbers, got <U1'),
    ],
)
def test_poses(tmp_path: Path, frames: list, message: str) -> None:
    (tmp_path / 'a.json').write_text(json.dumps(frames))
    with pytest.raises(ValueError, match=rf'a\.json: .*{message}'):
        CustomReader('coco')(ArchiveFile(tmp_path / 'a.json'))


def annotation(name: str, **fields: object) -> dict:
    keypoint = np.ones((1, 4, 17, 2), 'f4')
    return dict(frame_dir=name, label=0, keypoint=keypoint, total_frames=4) | fields


@pytest.mark.parametrize(
    ('annotations', 'split', 'message'),
    [
        ([annotation('a'), annotation('a')], dict(t=['a']), "split 't': sample 'a' comes twice"),
        ([annotation('a'), annotation('b')], dict(t=['a', 'a']), "sample 'a' comes twice"),
        ([annotation('a', label=True)], {}, "field 'label': expected an integer.*got True"),
        ([annotation('a', total_frames=9)], {}, "'total_frames': 9, but keypoint has 4 frames"),
        ([annotation('a')], {1: ['a']}, 'split 1 is no list of names'),
    ],
)
def test_annotation_pickles(tmp_path: Path, annotations: list, split: dict, message: str) -> None:
    path = tmp_path / 'a.pkl'
    path.write_bytes(pickle.dumps(dict(split=split, annotations=annotations)))
    with pytest.raises(ValueError, match=rf'a\.pkl: .*{message}'):
        AnnotationPickle(path)


def entry(name: str, **fields: object) -> dict:
    return dict(sample_name=name, pred_score=np.array([0.25, 0.75], 'f4'), gt_label=0) | fields


@pytest.mark.parametrize(
    ('items', 'message'),
    [
        ([entry('a', classes=list('xyz')), entry('b', classes=list('xyz'))], '3 names of classes'),
        ([entry('a', classes=list('xy')), entry('b', classes=list('yx'))], 'entry 1 names other'),
        ([entry('a', classes=list('xy')), entry('b')], 'entry 1 names other classes'),
        ([entry('a', classes=list('xx'))], "two classes are called 'x'"),
        ([entry('a', classes=[1, 2])], 'the name of a class is no text: 1'),
        ([entry('a', num_classes=9)], 'entry 0: num_classes is 9'),
        ([entry('a', pred_label=0)], 'entry 0: pred_label 0 is not the class of the highest'),
        ([entry('a', pred_label=np.array([7]))], 'entry 0: pred_label 7'),
    ],
)
def test_score_files(tmp_path: Path, items: list, message: str) -> None:
    path = tmp_path / 's.pkl'
    path.write_bytes(pickle.dumps(items))
    with pytest.raises(ValueError, match=rf's\.pkl: {message}'):
        read_scores(path)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(joint_names=list('aacd')), "two joints are called 'a'"),
        (dict(joint_names=[0, 1, 2, 3]), 'have names, printable'),
        (dict(joint_names='abcd'), "a list of names, got 'abcd'"),
        (dict(name='a\n\x1b[2J'), 'have names, printable'),
        (dict(name=5), "an object with a 'name'"),
        (dict(pairs=[[1, 2], [1, 3]]), 'joint 1 stands in the pairs twice'),
        (dict(pairs=[[1, 1]]), 'joint 1 stands in the pairs twice'),
        (dict(hd_groups={'1': [[1], [], [2, 3, 4]]}), 'hierarchy around 1'),
        (dict(hd_groups={'1': [[True], [2], [3, 4]]}), 'hierarchy around 1'),
    ],
)
def test_layouts(tmp_path: Path, change: dict, message: str) -> None:
    layout = dict(name='x', joint_names=list('abcd'), edges=[[1, 0], [2, 1], [3, 1]], center=0)
    (tmp_path / 'l.json').write_text(json.dumps(layout | change))
    with pytest.raises(ValueError, match=rf'l\.json: .*{message}'):
        load_layout(tmp_path / 'l.json')


def test_the_longest_skeleton_takes_no_minutes() -> None:
    """A chain of 1000 joints took a product of matrices for each of its 999 hops."""
    distance = hop_distance(1000, [(i + 1, i) for i in range(999)])
    assert distance[0, 999] == 999
    near = hop_distance(1000, [(i + 1, i) for i in range(999)], max_hop=2)
    assert np.isinf(near[0, 3])
    assert near[0].tolist()[:3] == [0, 1, 2]


def test_checkpoints_that_hold_a_weight_twice(tmp_path: Path) -> None:
    torch.save({'module.a': torch.zeros(1), 'a': torch.ones(1)}, tmp_path / 'c.pth')
    with pytest.raises(ValueError, match=r'c\.pth holds a model twice'):
        read_checkpoint(tmp_path / 'c.pth')


def test_class_names_of_stores(tmp_path: Path) -> None:
    sample = dict(name='a', label=0, keypoint=np.ones((1, 2, 17, 2)))
    with pytest.raises(ValueError, match=r"s\.safetensors: two classes are called 'x'"):
        write_store(
            tmp_path / 's.safetensors', [sample], layout='coco', classes=['x', 'x'], splits={}
        )
