"""Readers of pickles: annotations, scores and clips."""

from pathlib import Path

import numpy as np
import torch
from mutation import mutate_pickle, own_pickle

from mmcl_ext.datasets.store.annotation_pickle import AnnotationPickle
from mmcl_ext.evaluation.annotation_source import SplitLabels
from mmcl_ext.evaluation.score_files import read_scores
from mmcl_ext.inference import read_clips

NAMES = ['a', 'b', 'S001C001P001R001A002']
RNG = np.random.default_rng(0)


def annotations() -> list[dict]:
    return [
        dict(
            frame_dir=name,
            label=i,
            keypoint=RNG.normal(size=(1 + i % 2, 2, 17, 2)).astype('f2'),
            keypoint_score=np.ones((1 + i % 2, 2, 17), 'f4'),
            img_shape=(1080, 1920),
            total_frames=2,
        )
        for i, name in enumerate(NAMES)
    ]


def annotation_seeds(folder: Path) -> list[bytes]:
    split = dict(train=NAMES[:2], val=NAMES[2:])
    first = annotations()[0]
    lists = {key: first[key].tolist() for key in ('keypoint', 'keypoint_score')}
    one_person = {key: first[key][0] for key in ('keypoint', 'keypoint_score')}
    contents = (
        dict(split=split, annotations=annotations()),
        annotations(),
        [first | lists, first | one_person | dict(frame_dir='b')],
    )
    return [own_pickle(content) for content in contents]


def read_annotations(path: Path) -> None:
    file = AnnotationPickle(path)
    for i in range(len(file)):
        file.keypoint(i)
        file.keypoint_score(i)
        file.extra(i)
    for name in file.splits:
        SplitLabels.read(path, name)


def score_seeds(folder: Path) -> list[bytes]:
    scores = RNG.random((3, 4)).astype('f4')
    dump = [
        dict(
            sample_name=name,
            pred_score=torch.tensor(row),
            gt_label=torch.tensor([i]),
            classes=('a', 'b', 'c', 'd'),
        )
        for i, (name, row) in enumerate(zip(NAMES, scores, strict=True))
    ]
    plain = [dict(frame_dir=n, pred_score=scores[i], gt_label=i) for i, n in enumerate(NAMES)]
    by_name = dict(zip(NAMES, scores, strict=True))
    return [own_pickle(dump), own_pickle(plain), own_pickle(by_name), own_pickle(list(scores))]


def scores(path: Path) -> None:
    split = SplitLabels(tuple(NAMES), np.arange(3), 'split val')
    found = read_scores(path, split, by_position=True)
    assert np.isfinite(found.values).all()
    assert found.values.shape[0] == len(found.names) == len(found.labels)


def clip_seeds(folder: Path) -> list[bytes]:
    frames = [dict(keypoints=RNG.normal(size=(1, 17, 2)), keypoint_scores=np.ones((1, 17)))]
    return [*annotation_seeds(folder), own_pickle(annotations()[0]), own_pickle(frames)]


def clips(path: Path) -> None:
    for clip in read_clips(path):
        assert clip.keypoint.ndim == 4


TARGETS = {
    'annotations': ('ann.pkl', read_annotations, annotation_seeds, mutate_pickle),
    'scores': ('scores.pkl', scores, score_seeds, mutate_pickle),
    'clips': ('clips.pkl', clips, clip_seeds, mutate_pickle),
}
