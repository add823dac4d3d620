"""The inferencer gives the scores of ``tools/test.py``, on real samples."""

import pickle
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from inference_models import UCLA, UTD, write_checkpoint, write_config
from test_configs.combinations import Combination

from mmcl_ext.datasets.converters.nwucla import NWUCLA_CLASSES
from mmcl_ext.datasets.converters.utdmhad import UTDMHAD_CLASSES
from mmcl_ext.inference import MMCLInferencer

REPO = Path(__file__).resolve().parents[2]
CASES = {
    'utd': (UTD, UTDMHAD_CLASSES, 'xsub_test'),
    'ucla': (UCLA, NWUCLA_CLASSES, 'xview_val'),
}
FAMILIES = ('ctrsgcn', 'hdgcn_hdgraph', 'infogcn', 'stgcn', 'stgcnpp', 'aagcn')


def dump_of_test(config, checkpoint, root, monkeypatch):
    dump = root / 'dump.pkl'
    options = ['--cfg-options', f'experiment_name={root.name}']
    work_dir = ['--work-dir', str(root / 'work')]
    argv = ['test.py', str(config), str(checkpoint), '--dump', str(dump), *work_dir, *options]
    monkeypatch.setattr(sys, 'argv', argv)
    runpy.run_path(str(REPO / 'tools/test.py'))['main']()
    return pickle.loads(dump.read_bytes())


@pytest.mark.parametrize('kind', CASES)
def test_scores_are_those_of_the_test_tool(kind, stores, tmp_path, monkeypatch):
    compare_with_test(kind, CASES[kind][0], stores, tmp_path, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize('family', FAMILIES)
def test_scores_of_every_family(family, stores, tmp_path, monkeypatch):
    backbone, _, graph = family.partition('_')
    combination = Combination('skeleton', backbone, f'{graph}_utdmhad'.lstrip('_'))
    config = tmp_path / f'{family}.py'
    combination.load().dump(config)
    compare_with_test('utd', config, stores, tmp_path, monkeypatch)


def compare_with_test(kind, config, stores, tmp_path, monkeypatch):
    """Test a model with random weights with both."""
    _, classes, split = CASES[kind]
    checkpoint = write_checkpoint(tmp_path / 'epoch_1.pth', config, classes, 'kinect_v1')
    ours = write_config(tmp_path / f'{kind}.py', config, stores[kind])
    expected = dump_of_test(ours, checkpoint, tmp_path, monkeypatch)
    inferencer = MMCLInferencer(ours, checkpoint, batch_size=4)
    results = inferencer(f'{stores[kind]}::{split}')
    assert [result.name for result in results] == [row['sample_name'] for row in expected]
    for result, row in zip(results, expected, strict=True):
        np.testing.assert_array_equal(result.pred_score, row['pred_score'].numpy())
        assert result.label == row['pred_label'].item()
        assert result.clip.label == row['gt_label'].item()
    scores = [row['pred_score'] for row in expected]
    assert not torch.allclose(scores[0], scores[1])


def test_published_file_gives_the_scores_of_configuration_and_checkpoint(utd, walk):
    alone = MMCLInferencer(utd['published'])(walk)[0]
    both = MMCLInferencer(utd['config'], utd['checkpoint'])(walk)[0]
    np.testing.assert_array_equal(alone.pred_score, both.pred_score)


def test_batches_change_nothing(utd, walk):
    clips = [walk + 0.1 * i for i in range(5)]
    one = MMCLInferencer(utd['published'], batch_size=1)(clips)
    four = MMCLInferencer(utd['published'], batch_size=4)(clips)
    for a, b in zip(one, four, strict=True):
        np.testing.assert_allclose(a.pred_score, b.pred_score, rtol=1e-5, atol=1e-6)


def test_results(inferencer, walk):
    result = inferencer(walk)[0]
    logits = result.pred_score.astype(np.float64)
    probability = np.exp(logits) / np.exp(logits).sum()
    np.testing.assert_allclose(result.probability, probability, rtol=1e-5)
    order = sorted(range(27), key=lambda k: -logits[k])
    assert [name for name, _ in result.top(3)] == [UTDMHAD_CLASSES[k] for k in order[:3]]
    assert result.label_name == UTDMHAD_CLASSES[order[0]]
    assert len(result.top(100)) == 27
    with pytest.raises(ValueError, match='k must be positive'):
        result.top(0)
