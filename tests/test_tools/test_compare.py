"""The command lines that compare runs, run as a user runs them."""

import csv
import json
import os
import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
from tiny_data import tiny_samples, write_tiny_store
from tool_module import load_tool

from mmcl_ext.evaluation.score_files import read_scores, write_scores
from mmcl_ext.evaluation.scores import Scores
from mmcl_ext.fileio.safe_pickle import load_pickle


@pytest.fixture(scope='module')
def compare(repo):
    return load_tool(repo / 'tools/analysis/compare.py').main


@pytest.fixture(scope='module')
def confusion_matrix(repo):
    return load_tool(repo / 'tools/analysis/confusion_matrix.py').main


@pytest.fixture(autouse=True)
def _inside(tmp_path, monkeypatch):
    """Two runs on the test split of a tiny store."""
    monkeypatch.chdir(tmp_path)
    samples = list(tiny_samples(48, num_classes=30))
    write_tiny_store('tiny.safetensors', samples=samples, num_train=8)
    names, labels = zip(*((s['name'], s['label']) for s in samples[8:]), strict=True)
    (tmp_path / 'config.py').write_text(
        "test_dataloader = dict(dataset=dict(ann_file='tiny.safetensors', split='xsub_val'))"
    )
    for path, seed, strength in (('a.pkl', 0, 1), ('b.pkl', 1, 3)):
        values = np.random.default_rng(seed).normal(size=(40, 30))
        values[np.arange(40), labels] += strength
        write_scores(path, Scores(names, values, np.array(labels)))


PICTURES = [
    'confusion.png', 'confusion_most.png', 'gain.png', 'right_to_wrong.png', 'wrong_to_right.png',
]  # fmt: skip


@pytest.mark.parametrize('source', ['tiny.safetensors', 'config.py'])
def test_text_tables_and_pictures(compare, capsys, source):
    compare(['a.pkl', 'b.pkl', '--store', source, '--out-dir', 'out', '--resamples', '500',
             '--names', 'plain', 'mmcl', '--num-drawn', '1'])  # fmt: skip
    out = capsys.readouterr().out
    assert 'mmcl minus plain: +' in out
    assert "McNemar's exact test" in out
    assert 'class7' in out  # the name from the store
    pictures = sorted(name for name in os.listdir('out') if name.endswith('.png'))
    assert pictures == PICTURES
    for name in pictures:
        image = cv2.imread(f'out/{name}')
        assert image.shape[1] > 600
        assert image.std() > 5  # something is drawn
    rows = list(csv.DictReader(open('out/classes.csv')))  # noqa: SIM115
    assert sum(int(row['samples']) for row in rows) == 40
    gain = sum(int(row['samples']) * float(row['gain']) for row in rows) / 40
    assert f'mmcl minus plain: {100 * gain:+.2f}' in out
    changed = list(csv.DictReader(open('out/changed_samples.csv')))  # noqa: SIM115
    better = sum(row['change'] == 'wrong -> right' for row in changed)
    assert f'{better} samples wrong -> right, {len(changed) - better} right -> wrong' in out


def test_without_a_store(compare, capsys):
    compare(['a.pkl', 'a.pkl', '--out-dir', 'out', '--resamples', '50'])
    out = capsys.readouterr().out
    assert '(second) minus ' in out
    assert 'p = 1' in out
    assert sorted(os.listdir('out')) == [
        'changed_samples.csv', 'classes.csv', 'confused_pairs.csv',
        'confusion.png', 'confusion_most.png', 'gain.png',
    ]  # fmt: skip


def test_confusion_matrix(confusion_matrix, capsys):
    confusion_matrix(['b.pkl', '--store', 'config.py', '--out', 'o/b.png', '--csv', 'o/b.csv'])
    assert 'most confused:' in capsys.readouterr().out
    whole = cv2.imread('o/b.png')
    rows = list(csv.reader(open('o/b.csv')))  # noqa: SIM115
    assert rows[0][1] == rows[1][0] == 'class0'
    assert sum(int(cell) for row in rows[1:] for cell in row[1:]) == 40
    confusion_matrix(['b.pkl', '--out', 'o/part.png', '--most', '5'])
    assert cv2.imread('o/part.png').size < whole.size / 4


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['no.pkl', 'b.pkl'], 'error: .*No such file'),
        (['empty.pkl', 'b.pkl'], r'error: empty\.pkl: cannot be read as plain data'),
        (['a.pkl', 'b.pkl', '--store', 'no.safetensors'], 'error: no skeleton store at'),
        (['a.pkl', 'b.pkl', '--store', 'no.py'], 'error: .*no.py'),
        (['a.pkl', 'b.pkl', '--store', 'three.safetensors'], 'has 3 classes, the scores have 30'),
        (
            ['a.pkl', 'b.pkl', '--resamples', '-1'],
            'error: the number of resamples must be positive',
        ),
        (['a.pkl', 'b.pkl', '--store', 'config.py', '--split', 'xsub_train'], 'lacks sample'),
        (
            ['a.pkl', 'nan.pkl'],
            r"error: nan\.pkl: sample 'sample008' has a score that is not finite",
        ),
        (['a.pkl', 'b.pkl', '--num-shown', '-1'], 'lines to show must not be negative, got -1'),
        (['a.pkl', 'b.pkl', '--seed', '-1'], 'seed of the bootstrap must not be negative, got -1'),
    ],
)
def test_errors_are_one_line(compare, tmp_path, arguments, message):
    (tmp_path / 'empty.pkl').write_bytes(b'')
    write_with_nan(tmp_path / 'nan.pkl')
    write_tiny_store('three.safetensors')
    with pytest.raises(SystemExit, match=message) as stop:
        compare(arguments)
    assert '\n' not in str(stop.value.code)
    assert not (tmp_path / 'work_dirs').exists()  # nothing is written before all is read


def write_with_nan(path):
    items = load_pickle('b.pkl')
    items[0]['pred_score'][3] = float('nan')
    path.write_bytes(pickle.dumps(items))


def test_numbers_that_make_no_sense(compare, confusion_matrix, capsys):
    for most in ('0', '-1'):
        with pytest.raises(SystemExit, match=f'must be positive, got {most}'):
            confusion_matrix(['b.pkl', '--most', most, '--out', 'o/part.png'])
    assert not os.path.exists('o')
    with pytest.raises(SystemExit) as stop:
        compare(['a.pkl', 'b.pkl', '--num-drawn', '-1'])
    assert stop.value.code == 2
    assert '--num-drawn -1 is negative' in capsys.readouterr().err


def test_split_needs_a_store(compare, confusion_matrix, capsys):
    for tool, files in ((compare, ['a.pkl', 'b.pkl']), (confusion_matrix, ['a.pkl'])):
        with pytest.raises(SystemExit) as stop:
            tool([*files, '--split', 'x'])
        assert stop.value.code == 2
        assert '--split goes with --store' in capsys.readouterr().err


@pytest.mark.parametrize('ending', ['pkl', 'pickle'])
def test_a_pickle_of_joints_of_ones_own(compare, confusion_matrix, tmp_path, capsys, ending):
    joints = dict(name='four', joint_names=list('abcd'), edges=[[1, 0], [2, 1], [3, 1]], center=0)
    (tmp_path / 'four.json').write_text(json.dumps(joints))
    scores = read_scores('a.pkl')
    names, labels = list(scores.names), scores.labels.tolist()
    poses = np.random.default_rng(0).random((1, 5, 4, 3))
    annotations = [
        dict(frame_dir=name, label=label, total_frames=5, keypoint=poses)
        for name, label in zip(names, labels, strict=True)
    ]
    store = f'poses.{ending}'
    Path(store).write_bytes(pickle.dumps(dict(split=dict(test=names), annotations=annotations)))
    Path('poses.py').write_text(
        f"test_dataloader = dict(dataset=dict(ann_file={store!r}, layout='four.json'))"
    )
    unknown = ['a.pkl', '--store', store]
    with pytest.raises(SystemExit, match='V = 4 is not known'):
        confusion_matrix(unknown)
    confusion_matrix([*unknown, '--split', 'test', '--layout', 'four.json'])
    for options in (['--store', store, '--layout', 'four.json'], ['--store', 'poses.py']):
        compare(['a.pkl', 'b.pkl', *options, '--out-dir', 'out', '--resamples', '50'])
        assert (tmp_path / 'out/wrong_to_right.png').is_file()
        (tmp_path / 'out/wrong_to_right.png').unlink()
    with pytest.raises(SystemExit):
        compare(['a.pkl', 'b.pkl', '--layout', 'four.json'])
    assert '--layout goes with --store' in capsys.readouterr().err
