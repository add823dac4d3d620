"""An ablation with the real tools on tiny data: alone, with co-learning, on two processes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_data import FAST_OPTIONS, write_tiny_data

REPO = Path(__file__).resolve().parents[2]

DECLARATION = """
title = 'Tiny'
reference = 'skeleton'
options = {options!r}
encoder = {{'model.co_learning.image_encoder': dict(_delete_=True, type='PlainCNN')}}
variants = dict(
    mmcl=dict(config='{configs}/mmcl/ctrgcn_hdgraph_ntu120.py', options=encoder | options),
    skeleton=dict(config='{configs}/skeleton/ctrgcn_hdgraph_ntu120.py', options=options),
    broken=dict(
        config='{configs}/skeleton/ctrgcn_hdgraph_ntu120.py',
        options=options | {{'model.cls_head.num_classes': 2}},
    ),
)
"""


def run(folder, *arguments):
    command = [sys.executable, '-W', 'ignore', str(REPO / 'tools' / 'ablation.py'), 'tiny.py']
    return subprocess.run([*command, *arguments], cwd=folder, capture_output=True, text=True)


@pytest.fixture
def folder(tmp_path):
    write_tiny_data(tmp_path)
    options = FAST_OPTIONS | {'train_cfg.max_epochs': 1}
    text = DECLARATION.format(options=options, configs=REPO / 'configs')
    (tmp_path / 'tiny.py').write_text(text)
    return tmp_path


@pytest.mark.slow
def test_train_and_test_with_the_real_tools(folder):
    done = run(folder, '--seeds', '1', '2')
    assert done.returncode == 1  # of the variant that cannot work
    table = json.loads((folder / 'work_dirs' / 'ablations' / 'tiny.json').read_text())
    rows = {row['variant']: row for row in table['rows']}
    assert rows['mmcl']['seeds'] == rows['skeleton']['seeds'] == [1, 2]
    assert set(rows['mmcl']['metrics']) == {'acc/top1', 'acc/top5', 'acc/mean1'}
    assert rows['mmcl']['metrics']['acc/top1']['gain'] is not None
    assert rows['broken']['seeds'] == []
    assert "the head's 2 classes" in rows['broken']['failures']['1']
    assert table['environments'][0]['torch']

    again = run(folder, '--only', 'mmcl', 'skeleton', '--seeds', '1', '2')
    assert again.returncode == 0, again.stderr
    assert 'done' not in again.stderr  # nothing was left to do


@pytest.mark.slow
def test_two_processes(folder):
    done = run(folder, '--only', 'mmcl', '--processes', '2')
    assert done.returncode == 0, done.stdout + done.stderr
    (log,) = (folder / 'work_dirs' / 'ablations' / 'runs').glob('mmcl-*/train.log')
    assert 'Epoch(train)' in log.read_text()
