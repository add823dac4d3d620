"""The demonstration from end to end, as a user runs it."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import pytest
import torch
from mmengine.config import Config

from mmcl_ext.synthetic.demo import relocate


def demo(repo, folder, *arguments):
    return subprocess.run(
        [sys.executable, str(repo / 'tools/demo.py'), '--quick', '--jobs', '1', *arguments],
        cwd=folder,
        env=os.environ | {'OMP_NUM_THREADS': '1'},
        capture_output=True,
        text=True,
        timeout=600,
    )


@pytest.fixture(scope='module')
def ran(repo, tmp_path_factory):
    folder = tmp_path_factory.mktemp('demo')
    result = demo(repo, folder)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-4000:]
    return folder, result


def test_says_what_the_data_are(ran):
    assert 'synthetic' in ran[1].stdout
    assert 'no language model was asked' in ran[1].stdout


def test_shows_progress_of_both_trainings(ran):
    for title in ('skeleton only', 'co-learning (MMCL)'):
        assert f'{title}: epoch  2/2  loss ' in ran[1].stderr


def test_table_has_both_rows_with_the_same_model_tested(ran):
    row = r'^{}\s+([\d,]+)\s+[\d.]+ %\s+[\d.]+ %\s+[\d.]+ %$'
    sizes = [
        re.search(row.format(re.escape(title)), ran[1].stdout, re.MULTILINE)[1]
        for title in ('skeleton only', 'co-learning (MMCL)')
    ]
    assert sizes[0] == sizes[1]


def test_writes_the_picture_it_names(ran):
    folder, result = ran
    path = Path(re.search(r'^Picture: (.+)$', result.stdout, re.MULTILINE)[1])
    picture = cv2.imread(str(folder / path))
    assert min(picture.shape[:2]) > 500


@pytest.mark.parametrize('page', ['README.md', 'docs/index.md'])
def test_the_first_page_predicts_a_clip_of_the_demo(page, repo, ran, monkeypatch, capsys):
    """The Python of the first page, with the quick run's folder and its only test person."""
    monkeypatch.chdir(ran[0])
    Path('clip.png').unlink(missing_ok=True)
    (block,) = re.findall(r'^```python\n(.*?)^```', (repo / page).read_text(), re.S | re.M)
    for full, quick in (('/demo/', '/demo_quick/'), ('S009', 'S003')):
        assert full in block
        block = block.replace(full, quick)
    exec(compile(block, page, 'exec'), {})
    assert re.fullmatch(r'[a-z ]+ 0\.\d{3}\n', capsys.readouterr().out)
    assert cv2.imread('clip.png') is not None


def test_the_second_run_reuses_everything_and_needs_no_images(repo, ran):
    """Trained models are not trained again; nothing half-written is left behind."""
    folder, first = ran
    again = demo(repo, folder)
    assert again.returncode == 0, again.stderr[-4000:]
    assert again.stderr.count('already trained') == 2
    assert 'epoch' not in again.stderr
    assert again.stdout.split('parameters', 1)[1] == first.stdout.split('parameters', 1)[1]
    assert not list(folder.rglob('*.tmp')) + list(folder.rglob('*.part'))


def test_the_models_are_tested_where_there_are_only_skeletons(repo, ran):
    """The checkpoint and the skeletons are enough: images and texts are deleted here."""
    folder = ran[0]
    for path in (folder / 'data/demo_quick/composites').iterdir():
        path.unlink()
    (folder / 'data/demo_quick/text_features.safetensors').unlink()
    (checkpoint,) = folder.rglob('*_skeleton.pth')
    result = subprocess.run(
        [
            *(sys.executable, str(repo / 'tools/test.py')),
            *(str(repo / 'configs/mmcl/ctrgcn_demo.py'), str(checkpoint)),
            *('--work-dir', str(folder / 'test'), '--cfg-options'),
            'test_dataloader.dataset.ann_file=data/demo_quick/skeletons.safetensors',
        ],
        cwd=folder,
        env=os.environ | {'OMP_NUM_THREADS': '1'},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert result.returncode == 0, result.stderr[-4000:]
    assert 'acc/top1' in result.stdout


def test_relocation_changes_folders_only():
    cfg = Config(
        dict(a='data/demo/x', b=[dict(c='data/demo/y', d='data/demonstration/z'), 'data/demo/w'])
    )
    cfg.merge_from_dict(relocate(cfg, 'data/demo', '/else'))
    assert cfg.a == '/else/x'
    assert cfg.b == [dict(c='/else/y', d='data/demonstration/z'), '/else/w']


@pytest.mark.slow
@pytest.mark.parametrize('jobs', ['1', '2'])
def test_interrupted_and_run_again(repo, tmp_path, jobs):
    """Ctrl-C reaches all processes; what is on disk is whole, and the next run goes on from it."""
    command = [sys.executable, str(repo / 'tools/demo.py'), '--quick', '--jobs', jobs]
    first = subprocess.Popen(
        command,
        cwd=tmp_path,
        env=os.environ | {'OMP_NUM_THREADS': '1'},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    for line in first.stderr:
        if 'epoch  1/2' in line:
            break
    os.killpg(first.pid, signal.SIGINT)
    first.stderr.read()
    assert first.wait(timeout=120) == 130
    assert not [p for p in tmp_path.rglob('.*') if p.is_file() and p.suffix in ('.tmp', '.part')]
    for checkpoint in tmp_path.rglob('epoch_*.pth'):
        torch.load(checkpoint, map_location='cpu', weights_only=False)
    second = demo(repo, tmp_path, '--jobs', jobs)
    assert second.returncode == 0, second.stderr[-4000:]
    assert 'Picture: ' in second.stdout
