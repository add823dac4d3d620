"""The ensemble's command line, run as a user runs it."""

import json
import pickle

import numpy as np
import pytest
import torch
from tiny_data import write_tiny_data
from tool_module import load_tool

from mmcl_ext.datasets import SkeletonStore
from mmcl_ext.evaluation.score_files import read_scores
from test_tools.test_train_and_test import SKELETON, call, metrics

STORE = 'data/ntu120/ntu120.safetensors'


@pytest.fixture(scope='module')
def ensemble(repo):
    return load_tool(repo / 'tools/ensemble.py').main


@pytest.fixture(scope='module')
def root(repo, tmp_path_factory):
    """A model trained on a part of the training data, tested on two streams and two splits."""
    root = tmp_path_factory.mktemp('root')
    write_tiny_data(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        load_tool(repo / 'tools/data/hold_out.py').main(
            [STORE, 'held.safetensors', '--split', 'xsub_train', '--by', 'hash',
             '--fraction', '0.3'],
        )  # fmt: skip
    fit = {
        'train_dataloader.dataset.ann_file': 'held.safetensors',
        'train_dataloader.dataset.split': 'xsub_train_fit',
        'train_cfg.max_epochs': 1,
        'model.cls_head.num_classes': 3,
    }
    call(root, 'train.py', SKELETON, '--work-dir', 'run', '--no-validate', **fit)
    for part in ('xsub_val', 'xsub_train_held_out'):
        for stream in ('joint', 'bone'):
            call(
                root, 'test.py', SKELETON, 'run/epoch_1.pth', '--work-dir', f'{part}_{stream}',
                '--dump', f'{part}_{stream}.pkl', stream=stream, allow_differences='stream',
                **fit | {'test_dataloader.dataset.ann_file': 'held.safetensors',
                         'test_dataloader.dataset.split': part},
            )  # fmt: skip
    return root


@pytest.fixture(autouse=True)
def _inside(root, monkeypatch):
    monkeypatch.chdir(root)


DUMPS = ['xsub_val_joint.pkl', 'xsub_val_bone.pkl']
HELD = ['xsub_train_held_out_joint.pkl', 'xsub_train_held_out_bone.pkl']


def test_from_training_to_fused_scores(root, ensemble, capsys):
    ensemble([*DUMPS, '--search-on', *HELD, '--json', 'out/e.json', '--out', 'out/fused.pkl'])
    text = capsys.readouterr().out
    found = json.loads((root / 'out/e.json').read_text())
    assert found['num_samples'] == 4
    assert found['bootstrap'] == dict(resamples=10000, seed=0, level=0.95)
    assert '10000 resamples, seed 0' in text
    assert not found['searched_on_test_data']
    held = SkeletonStore('held.safetensors')
    assert found['weights_search']['num_samples'] == len(held.splits['xsub_train_held_out'])
    # The single streams are what the tests themselves have said.
    for stream, result in zip(('joint', 'bone'), found['streams'], strict=True):
        wanted = metrics(f'xsub_val_{stream}')
        assert result['top1']['value'] == pytest.approx(wanted['acc/top1'])
        assert result['mean_class']['value'] == pytest.approx(wanted['acc/mean1'])
    joint, bone, fused = (read_scores(path) for path in (*DUMPS, 'out/fused.pkl'))
    a, b = found['weights']
    np.testing.assert_allclose(
        fused.values, (a * joint.values + b * bone.values) / (a + b), rtol=1e-5
    )
    plain = pickle.loads((root / 'out/fused.pkl').read_bytes())
    assert plain[0].keys() == {
        'sample_name', 'num_classes', 'classes', 'pred_score', 'pred_label', 'gt_label',
    }  # fmt: skip
    assert isinstance(plain[0]['pred_score'], torch.Tensor)


def test_searching_on_the_test_is_shouted(root, ensemble, capsys):
    ensemble([*DUMPS, '--search-on-test', '--json', 'e.json', '--out', 'tuned.pkl'])
    assert 'WEIGHTS SEARCHED ON THE TEST DATA' in capsys.readouterr().out
    found = json.loads((root / 'e.json').read_text())
    assert found['searched_on_test_data'] is True
    assert found['weights_from'] == 'SEARCHED ON THE TEST DATA'
    assert 'SEARCHED ON THE TEST DATA' in found['warnings'][0]
    ensemble(['tuned.pkl', DUMPS[0], '--json', 'e.json'])  # nor is it forgotten in the next one
    assert json.loads((root / 'e.json').read_text())['searched_on_test_data'] is True
    with pytest.raises(SystemExit, match='--search-on-test only'):
        ensemble([*DUMPS, '--search-on', *DUMPS])


def test_reference_pickles(root, ensemble, capsys):
    """The reference repositories' files: no labels, here with names and with numbers."""
    joint = read_scores(DUMPS[0])
    named = dict(zip(joint.names, joint.values.astype('f4'), strict=True))
    numbered = {f'test_{i}': named[name] for i, name in enumerate(joint.names)}
    for path, content in (('named.pkl', named), ('numbered.pkl', numbered)):
        (root / path).write_bytes(pickle.dumps(content, protocol=2))
    split = ['--store', STORE, '--split', 'xsub_val']
    tables = []
    for path, options in (('named.pkl', []), ('numbered.pkl', ['--by-position'])):
        ensemble([path, DUMPS[1], *split, *options, '--weights', '2', '1'])
        tables.append(capsys.readouterr().out.replace(path, ''))
    assert tables[0].split() == tables[1].split()
    with pytest.raises(SystemExit, match=r'error: named\.pkl holds no labels'):
        ensemble(['named.pkl'])


def test_presets_name_their_source(ensemble, capsys):
    ensemble([*DUMPS, *DUMPS, '--preset', 'four-stream', '--resamples', '100'])
    out = capsys.readouterr().out
    assert 'preset four-stream (joint, bone, joint motion, bone motion): CTR-GCN' in out
    assert '100 resamples' in out
    ensemble([*DUMPS * 3, '--preset', 'six-way-mmcl-ntu120-xsub', '--resamples', '100'])
    assert 'look searched on the test data' in capsys.readouterr().out
    with pytest.raises(SystemExit) as stop:
        ensemble([*DUMPS, '--preset', 'four-stream'])
    assert stop.value.code == 2
    assert 'joint motion, bone motion; got 2 files' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['no.pkl'], 'error: .*No such file'),
        (['empty.pkl'], r'error: empty\.pkl: cannot be read as plain data'),
        (['text.pkl'], r'error: text\.pkl: cannot be read as plain data'),
        ([*DUMPS, '--weights', '1'], 'error: 1 weight for 2 streams'),
        ([*DUMPS, '--weights', '0', '0'], 'error: weights must be finite, not negative'),
        ([*DUMPS, '--resamples', '0'], 'error: the number of resamples must be positive'),
        ([DUMPS[0], HELD[0]], r"error: xsub_train_held_out_joint\.pkl lacks sample 'sample008'"),
        ([*DUMPS, '--store', STORE, '--split', 'val'], "error: .* has no split 'val'"),
        ([*DUMPS, '--store', 'no', '--split', 'val'], 'error: no skeleton store at'),
        ([*DUMPS, '--store', STORE, '--split', 'xsub_train'], 'lacks sample'),
        ([*DUMPS, '--out', 'text.pkl/a.pkl'], 'error: '),
    ],
)
def test_errors_are_one_line(root, ensemble, arguments, message):
    (root / 'empty.pkl').write_bytes(b'')
    (root / 'text.pkl').write_text('no pickle')
    with pytest.raises(SystemExit, match=message) as stop:
        ensemble(arguments)
    assert '\n' not in stop.value.code
