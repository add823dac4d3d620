"""Reading of score files."""

import os
import pickle

import numpy as np
import pytest
import torch
from mmaction.structures import ActionDataSample
from mmengine.evaluator import DumpResults as PlainDumpResults
from mmengine.evaluator import Evaluator
from mmengine.registry import init_default_scope
from score_files import make_scores, write_dump, write_pickle
from tiny_data import write_tiny_store

from mmcl_ext.datasets.converters.pickle_file import export_pickle
from mmcl_ext.evaluation.annotation_source import SplitLabels
from mmcl_ext.evaluation.dump_results import DumpResults
from mmcl_ext.evaluation.score_files import read_scores, write_scores
from mmcl_ext.evaluation.scores import Scores
from mmcl_ext.registry import METRICS


@pytest.fixture
def scores():
    return make_scores()


def split_of(scores):
    return SplitLabels(tuple(scores.names), scores.labels, 'the split')


def same(a, b):
    assert list(a.names) == list(b.names)
    np.testing.assert_allclose(a.values, b.values, rtol=1e-6)
    np.testing.assert_array_equal(a.labels, b.labels)


@pytest.mark.parametrize('field', ['sample_name', 'frame_dir', 'filename'])
def test_dumps(tmp_path, scores, field):
    same(read_scores(write_dump(tmp_path / 'a.pkl', scores, field)), scores)


def test_what_is_written_is_read(tmp_path, scores):
    write_scores(tmp_path / 'new/a.pkl', scores)
    same(read_scores(tmp_path / 'new/a.pkl'), scores)
    assert os.listdir(tmp_path / 'new') == ['a.pkl']
    plain = pickle.loads((tmp_path / 'new/a.pkl').read_bytes())
    assert plain[3]['pred_label'].item() == scores.predictions[3]
    assert plain[3]['pred_score'].untyped_storage().nbytes() == 4 * 4


@pytest.mark.parametrize('metric', [DumpResults, PlainDumpResults])
def test_what_a_test_writes(tmp_path, scores, metric):
    """Through MMEngine's evaluator, by our metric and by MMEngine's."""
    path = tmp_path / 'deep' / 'a.pkl'
    path.parent.mkdir()
    samples = []
    for name, value, label in zip(scores.names, scores.values, scores.labels, strict=True):
        sample = ActionDataSample(metainfo=dict(sample_name=name))
        sample.set_gt_label(int(label)).set_pred_score(torch.from_numpy(value))
        samples.append(sample.set_pred_label(int(value.argmax())))
    evaluator = Evaluator([metric(str(path))])
    evaluator.process(samples)
    evaluator.evaluate(len(samples))
    same(read_scores(path), scores)


def test_our_metric_is_found_and_keeps_no_batches(tmp_path):
    init_default_scope('mmcl_ext')
    metric = METRICS.build(dict(type='DumpResults', out_file_path=str(tmp_path / 'x/a.pkl')))
    assert type(metric) is DumpResults
    batch = torch.rand(64, 5)
    metric.process(None, [dict(sample_name='a', pred_score=batch[1], pair=(batch[2],))])
    assert metric.results[0]['pred_score'].untyped_storage().nbytes() == 5 * 4
    assert metric.results[0]['pair'][0].untyped_storage().nbytes() == 5 * 4
    metric.compute_metrics(metric.results)
    assert pickle.loads((tmp_path / 'x/a.pkl').read_bytes())[0]['sample_name'] == 'a'
    with pytest.raises(ValueError, match="add 'sample_name' to the meta_keys"):
        metric.process(None, [dict(pred_score=batch[0])])


def test_reference_pickles_by_name(tmp_path, scores):
    content = dict(zip(scores.names, scores.values.astype('f4'), strict=True))
    path = write_pickle(tmp_path / 'epoch1_test_score.pkl', content)
    same(read_scores(path, split_of(scores)), scores)
    with pytest.raises(ValueError, match=r'epoch1_test_score\.pkl holds no labels: name --store'):
        read_scores(path)


@pytest.mark.parametrize('key', ['test_{}'.format, int, np.int64])
def test_reference_pickles_by_position(tmp_path, scores, key):
    """CTR-GCN's feeders number the samples; only the split's order tells which is which."""
    order = np.random.default_rng(0).permutation(len(scores))
    path = write_pickle(tmp_path / 'a.pkl', {key(int(i)): scores.values[i] for i in order})
    with pytest.raises(ValueError, match='as names: say --by-position with --store and --split'):
        read_scores(path, split_of(scores))
    read = read_scores(path, split_of(scores), by_position=True)
    same(read.aligned_to(scores), scores)


def test_numbers_that_are_names_stay_names(tmp_path, scores):
    """A store whose samples are called test_0, test_1, ... is joined by name."""
    named = Scores([f'test_{i}' for i in range(40)][::-1], scores.values, scores.labels)
    content = dict(zip(named.names, named.values, strict=True))
    path = write_pickle(tmp_path / 'a.pkl', dict(sorted(content.items())))
    for by_position in (False, True):
        read = read_scores(path, split_of(named), by_position=by_position)
        same(read.aligned_to(named), named)


def test_without_names(tmp_path, scores):
    for path in (
        write_dump(tmp_path / 'a.pkl', scores, field=None),
        write_pickle(tmp_path / 'result.pkl', list(scores.values.astype('f4'))),  # PYSKL's
    ):
        with pytest.raises(ValueError, match=r'no sample names: say --by-position'):
            read_scores(path, split_of(scores))
        same(read_scores(path, split_of(scores), by_position=True), scores)
    short = write_pickle(tmp_path / 'short.pkl', list(scores.values[:-1]))
    with pytest.raises(ValueError, match='has 39 samples, the split has 40'):
        read_scores(short, split_of(scores), by_position=True)


def test_fields_of_older_mmaction(tmp_path, scores):
    items = [
        dict(
            pred_scores=dict(item=torch.from_numpy(value)),
            gt_labels=dict(item=torch.tensor([label])),
            frame_dir=name,
        )
        for name, value, label in zip(scores.names, scores.values, scores.labels, strict=True)
    ]
    same(read_scores(write_pickle(tmp_path / 'a.pkl', items)), scores)


def test_split_from_a_store_and_from_a_pickle(tmp_path):
    names = write_tiny_store(tmp_path / 's.safetensors')
    export_pickle(tmp_path / 's.safetensors', tmp_path / 's.pkl')
    for path in (tmp_path / 's.safetensors', tmp_path / 's.pkl'):
        split = SplitLabels.read(path, 'xsub_val')
        assert split.names == tuple(names[8:])
        assert split.labels.tolist() == [2, 0, 1, 2]
    with pytest.raises(ValueError, match=r"has no split 'test'; it has \['xset_train'"):
        SplitLabels.read(tmp_path / 's.safetensors', 'test')


class _Attack:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_hostile_pickle_is_refused(tmp_path, scores):
    trace = str(tmp_path / 'ran')
    item = dict(sample_name='a', pred_score=torch.rand(3), gt_label=_Attack(trace))
    with pytest.raises(ValueError, match=r'a\.pkl: cannot be read as plain data: refused'):
        read_scores(write_pickle(tmp_path / 'a.pkl', [item]))
    assert not os.path.exists(trace)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda items: items.append(items[5]), r"a\.pkl holds sample 'a2_s5_t1' twice"),
        (lambda items: items[5].pop('pred_score'), 'entry 5 has no pred_score; it has'),
        (lambda items: items[5].pop('gt_label'), 'entry 5 has no gt_label'),
        (
            lambda items: items[5].update(pred_score=torch.full((4,), float('nan'))),
            "sample 'a2_s5_t1' has a score that is not finite",
        ),
        (
            lambda items: items[5].update(pred_score=torch.rand(3)),
            r'entry 5: num_classes is 4, scores \(3,\)',
        ),
        (
            lambda items: items[5].update(gt_label=torch.tensor([1, 2])),
            'entry 5: expected one label',
        ),
        (
            lambda items: items[5].update(gt_label=torch.tensor([4])),
            "sample 'a2_s5_t1' has a label outside the 4 classes",
        ),
        (
            lambda items: items[5].update(pred_score=dict(rgb=torch.rand(4), pose=torch.rand(4))),
            'entry 5 has no pred_score',
        ),
        (lambda items: items.clear(), 'holds no scores'),
    ],
)
def test_faulty_dumps_are_named(tmp_path, scores, change, message):
    path = write_dump(tmp_path / 'a.pkl', scores)
    items = pickle.loads((tmp_path / 'a.pkl').read_bytes())
    change(items)
    with pytest.raises(ValueError, match=message):
        read_scores(write_pickle(path, items))


def test_other_content_is_named(tmp_path):
    for content in ({}, [], 'text', 3, [1, 2]):
        path = write_pickle(tmp_path / 'a.pkl', content)
        with pytest.raises(ValueError, match=r'a\.pkl holds no scores'):
            read_scores(path)


def test_a_split_that_does_not_fit(tmp_path, scores):
    path = write_dump(tmp_path / 'a.pkl', scores)
    labels = scores.labels.copy()
    labels[7] = 0
    other = SplitLabels(tuple(scores.names), labels, 'the split')
    with pytest.raises(ValueError, match=r"sample 'a4_s7_t1' has label 3 in .* and 0 in the split"):
        read_scores(path, other)
    part = SplitLabels(tuple(scores.names[:-1]), scores.labels[:-1], 'the split')
    with pytest.raises(ValueError, match=r"the split lacks sample 'a4_s39_t1', which .* has"):
        read_scores(path, part)
