"""Scores from cached features: by classifiers that have not seen the subject they judge."""

import numpy as np
import pytest

from mmcl_ext.datasets.store.feature_file import write_feature_file
from mmcl_ext.evaluation.annotation_source import SplitLabels
from mmcl_ext.evaluation.feature_scores import score_features

CLASSES = ('sit', 'stand', 'wave')
SUBJECTS, EACH = 6, 4


@pytest.fixture
def split():
    names = [
        f'a{k:02d}_s{s:02d}_e{e:02d}_v01'
        for s in range(SUBJECTS)
        for k in range(len(CLASSES))
        for e in range(EACH)
    ]
    labels = np.array([int(name[1:3]) for name in names])
    return SplitLabels(tuple(names), labels, 'the split')


@pytest.fixture
def file(tmp_path, split):
    """Features that tell the class, but for one sample that has none."""
    random = np.random.default_rng(0)
    centres = random.normal(0, 1, (len(CLASSES), 40))
    values = centres[split.labels] + random.normal(0, 1, (len(split.names), 40))
    path = tmp_path / 'features.safetensors'
    write_feature_file(path, values[1:].astype(np.float32), list(split.names[1:]))
    return path


def test_scores_are_log_probabilities_and_tell_the_class(file, split):
    scores = score_features(file, split, CLASSES)
    assert list(scores.names) == list(split.names[1:])
    assert scores.classes == CLASSES
    assert np.exp(scores.values).sum(1) == pytest.approx(1)
    assert scores.hits.mean() > 0.9


def test_no_classifier_has_seen_the_subject(file, split):
    """Other labels of a subject change the scores of the others, and no order among its own."""
    labels = split.labels.copy()
    own = np.array(['_s02_' in name for name in split.names])
    labels[own] = (labels[own] + 1) % len(CLASSES)
    changed = score_features(file, SplitLabels(split.names, labels, 'x'), CLASSES, parts=SUBJECTS)
    scores = score_features(file, split, CLASSES, parts=SUBJECTS)
    ranks, before = (s.values - s.values.mean(1, keepdims=True) for s in (changed, scores))
    ratio = ranks[own[1:]] / before[own[1:]]
    assert ratio == pytest.approx(np.full_like(ratio, ratio.flat[0]))
    assert not np.allclose(ranks[~own[1:]], before[~own[1:]], rtol=0.01)


def test_what_cannot_be_scored(file, split):
    number = 2 * len(CLASSES) * EACH
    few = SplitLabels(split.names[:number], split.labels[:number], 'x')
    with pytest.raises(ValueError, match='2 subjects in 5 parts'):
        score_features(file, few, CLASSES)
    with pytest.raises(ValueError, match='2 parts'):
        score_features(file, split, CLASSES, parts=2)
    with pytest.raises(ValueError, match='has no sample of x'):
        score_features(file, SplitLabels(('a01_s01_e01_v09',), np.zeros(1, int), 'x'), CLASSES)
