"""The page for newcomers, run in its order as a reader does."""

import re
import shutil
import sys
from pathlib import Path

import pytest
from mmengine.registry import init_default_scope

sys.path.insert(0, str(Path(__file__).parents[1] / 'test_preparation'))
from bright_people import BrightPeople, save_people

from mmcl_ext.preparation.pose import networks
from mmcl_ext.registry import MODELS
from test_tools.test_convert import SMALL, run_line

BLOCK = re.compile(r'^```(python|bash)\n(.*?)^```', re.DOTALL | re.M)


@pytest.fixture
def parts(repo, tmp_path, monkeypatch):
    """The numbered sections of the page, run in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    MODELS.import_from_location()  # before the copy, which takes the page's own networks
    monkeypatch.setattr(MODELS, '_module_dict', dict(MODELS.module_dict))
    (tmp_path / 'configs').symlink_to(repo / 'configs')
    init_default_scope('mmcl_ext')
    page = (repo / 'docs/first_hour.md').read_text()
    return dict(re.findall(r'^## (\d)\. (.*?)(?=^## )', page, re.DOTALL | re.M))


def run_part(repo, text, monkeypatch, names):
    """Run the blocks of a section; return the exit status of each command."""
    status = {}
    for match in BLOCK.finditer(text):
        language, block = match.groups()
        saved = re.search(
            r'Save this as `(\w+\.py)`[^`]*(?:`[^`\n]+`[^`]*)*\Z', text[: match.start()]
        )
        if language == 'bash':
            status |= {line: run_line(repo, line, monkeypatch) for line in block.splitlines()}
        elif saved:
            with open(saved[1], 'w') as file:
                file.write(block + (SMALL if 'mmcl_ext::' in block else ''))
        else:
            exec(compile(block, 'docs/first_hour.md', 'exec'), names)
    return status


def test_own_skeletons_backbone_and_helper(repo, parts, monkeypatch, capfd):
    assert sorted(parts) == ['1', '2', '3', '4', '5']
    status = run_part(repo, parts['2'], monkeypatch, {})
    assert len(status) == 5
    assert set(status.values()) == {0}
    out = capfd.readouterr().out
    assert 'acc/top1' in out
    assert re.search(r'^clip9 +(raise|lower) \d\.\d{3}, ', out, re.M)
    status = run_part(repo, parts['4'], monkeypatch, {})
    assert list(status.values()) == [0, 0]
    assert 'SkeletonRecognizer of Dots' in capfd.readouterr().out
    status = run_part(repo, parts['5'], monkeypatch, {})
    assert list(status.values()) == [0, 0]
    out = capfd.readouterr().out
    assert 'loss_calm' in out
    assert 'acc/top1' in out.rpartition('Epoch(test)')[2]


def find_networks():
    """Skip where the networks of the pose estimator are not installed."""
    try:
        networks.find_network('pose_landmark/pose_landmark_full.tflite')
    except FileNotFoundError as missing:
        pytest.skip(str(missing))


@pytest.mark.parametrize('estimator', ['bright', 'blazepose'])
def test_own_video(repo, parts, request, monkeypatch, capfd, estimator):
    """With an estimator that sees bright rectangles, and with that of the page on a real clip."""
    if estimator == 'bright':
        monkeypatch.setattr(
            'mmcl_ext.preparation.pose.pose_settings.build_pose_estimator',
            lambda name, **options: BrightPeople('blazepose', **options),
        )
        save_people('people.avi', [(10 + t, 70 - t) for t in range(12)])
        Path('people.avi').rename('clip.mp4')
    else:
        find_networks()
        folder = request.getfixturevalue('shared') / 'datasets/mmaction2_samples'
        shutil.copyfile(folder / 'demo_skeleton.mp4', 'clip.mp4')
    status = run_part(repo, parts['3'], monkeypatch, {})
    assert list(status.values()) == [0]
    scene, *persons = capfd.readouterr().out.splitlines()[:3]
    assert re.match(r'clip +[a-z ]+ [01]\.\d{3}, ', scene)
    assert [row.split(',')[0] for row in persons] == ['  person 1', '  person 2']
    assert Path('seen/clip_overlay.mp4').stat().st_size > 1000


@pytest.mark.slow
def test_demo(repo, parts, monkeypatch, capfd):
    assert run_line(repo, 'python tools/demo.py --quick', monkeypatch) == 0
    assert 'co-learning (MMCL)' in capfd.readouterr().out
