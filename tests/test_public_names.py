"""What ``import mmcl_ext`` offers: light, listed, typed."""

import re
import rlcompleter
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tiny_data import FAST_OPTIONS, write_tiny_data

import mmcl_ext

NAMES = {
    'MMCLInferencer',
    'SkeletonClip',
    'SkeletonStore',
    'StreamingInferencer',
    'from_hub',
    'get_config',
    'get_model',
    'list_models',
    'test_model',
    'to_hub',
    'train_model',
    'write_store',
}
SCRIPT = """
import numpy as np
import mmcl_ext
names = mmcl_ext.list_models('*utdmhad*')
cfg = mmcl_ext.get_config(names[0], {'train_cfg.max_epochs': 1})
model = mmcl_ext.train_model(cfg, work_dir='runs', seed=1, amp=False, resume='auto')
metrics = mmcl_ext.test_model(cfg, 'runs/epoch_1.pth', dump='scores.pkl')
inferencer = mmcl_ext.MMCLInferencer(names[0], 'runs/epoch_1.pth', device='cpu')
clip = mmcl_ext.SkeletonClip.from_array(np.zeros((9, 20, 3)), layout='kinect_v1')
prediction = mmcl_ext.StreamingInferencer(inferencer, window=8).push(clip.keypoint[0, 0])
label = inferencer([clip])[0].label_name
"""
REVEALED = {
    'names': 'list[str]',
    'metrics': 'dict[str, float]',
    'inferencer': 'MMCLInferencer',
    'clip': 'SkeletonClip',
    'prediction': 'StreamPrediction | None',
    'label': 'str | None',
    "mmcl_ext.SkeletonStore('a')": 'SkeletonStore',
}


def test_names_are_listed() -> None:
    assert set(mmcl_ext.__all__) == NAMES | {'__version__'}
    assert set(dir(mmcl_ext)) >= NAMES
    for name in NAMES:
        assert getattr(mmcl_ext, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        mmcl_ext.nothing  # noqa: B018


def test_tab_completion_shows_them() -> None:
    completer = rlcompleter.Completer({'mmcl_ext': mmcl_ext})
    found = [completer.complete('mmcl_ext.', i) for i in range(100)]
    shown = {text.rstrip('()').removeprefix('mmcl_ext.') for text in found if text}
    assert shown >= NAMES


def test_the_import_is_light() -> None:
    code = (
        'import sys, mmcl_ext; dir(mmcl_ext);'
        'print({"torch", "numpy", "mmengine", "mmaction", "mmcv"} & set(sys.modules))'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == 'set()'


def test_a_users_script_is_typed(tmp_path: Path, repo: Path) -> None:
    """An installed copy: the package and its marker alone, outside of the source tree."""
    installed = tmp_path / 'site'
    target = ('--no-deps', '--no-build-isolation', '--no-index', '--quiet', '--target', installed)
    source = tmp_path / 'source'
    ignore = shutil.ignore_patterns('__pycache__', '.mim')
    for name in ('mmcl_ext', 'requirements'):
        shutil.copytree(repo / name, source / name, ignore=ignore)
    files = ('setup.py', 'pyproject.toml', 'README.md', 'LICENSE')
    for name in (*files, 'model-index.yml', 'dataset-index.yml'):
        shutil.copy(repo / name, source)
    subprocess.run([sys.executable, '-m', 'pip', 'install', *target, source], check=True)
    script = tmp_path / 'script.py'
    lines = [f'reveal_type({expression})' for expression in REVEALED]
    script.write_text(SCRIPT + '\n'.join(lines) + '\nmmcl_ext.get_config(3)\n')
    command = [sys.executable, '-m', 'mypy', '--python-executable', sys.executable]
    settings = '[mypy]\nstrict = True\nignore_missing_imports = True\n'
    skipped = '[mypy-torch.*,transformers.*,matplotlib.*]\nfollow_imports = skip\n'  # minutes
    (tmp_path / 'mypy.ini').write_text(settings + skipped)
    done = subprocess.run(
        [*command, '--cache-dir', tmp_path / 'cache', script],
        cwd=tmp_path,
        env={'MYPYPATH': str(installed), 'PATH': '/usr/bin:/bin'},
        capture_output=True,
        text=True,
    )
    ours = [line for line in done.stdout.splitlines() if line.startswith('script.py')]
    revealed = [line for line in ours if 'Revealed type is' in line]
    for line, expected in zip(revealed, REVEALED.values(), strict=True):
        shown = re.search(r'"(.*)"', line)
        assert shown
        plain = re.sub(r'mmcl_ext\.[\w.]+\.(?=\w)|builtins\.', '', shown[1])
        assert plain == expected
    errors = [line for line in ours if ' error: ' in line]
    assert len(errors) == 1, done.stdout + done.stderr
    assert 'Argument 1 to "get_config"' in errors[0]


def test_models_by_name() -> None:
    names = mmcl_ext.list_models()
    assert 'mmcl/ctrgcn_hdgraph_ntu120' in names
    assert not [name for name in names if name.startswith('_base_')]
    assert mmcl_ext.list_models('skeleton/*') == [n for n in names if n.startswith('skeleton/')]
    with pytest.raises(
        ValueError, match=r"no .*'mmcl/ctrgcn_hdgraph_ntu12'.*ctrgcn_hdgraph_ntu120"
    ):
        mmcl_ext.get_config('mmcl/ctrgcn_hdgraph_ntu12')


def test_a_model_by_name_sees_skeletons_alone(repo: Path) -> None:
    model = mmcl_ext.get_model('mmcl/ctrgcn_hdgraph_ntu120')
    assert not model.training
    assert not [name for name, _ in model.named_parameters() if 'co_learning' in name]
    by_path = mmcl_ext.get_model(repo / 'configs/mmcl/ctrgcn_hdgraph_ntu120.py')
    assert model.state_dict().keys() == by_path.state_dict().keys()
    with pytest.raises(FileNotFoundError):
        mmcl_ext.get_model('absent.pth')


def test_options_of_a_configuration() -> None:
    cfg = mmcl_ext.get_config('mmcl/ctrgcn_hdgraph_ntu120', {'train_cfg.max_epochs': 3})
    assert cfg.train_cfg.max_epochs == 3


def test_train_test_and_infer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_tiny_data(tmp_path)
    options = {**FAST_OPTIONS, 'train_cfg.max_epochs': 1, 'model.cls_head.num_classes': 3}
    cfg = mmcl_ext.get_config('skeleton/ctrgcn_ntu60', options)
    before = cfg.pretty_text
    mmcl_ext.train_model(cfg, work_dir=tmp_path / 'run', seed=3)
    checkpoint = tmp_path / 'run/epoch_1.pth'
    metrics = mmcl_ext.test_model(cfg, checkpoint, dump='scores.pkl', work_dir='test')
    assert 0 <= metrics['acc/top1'] <= 1
    assert cfg.pretty_text == before
    cfg.dump('small.py')
    clips = np.random.default_rng(0).normal(size=(2, 9, 25, 3))
    [result] = mmcl_ext.MMCLInferencer('small.py', checkpoint)([clips])
    assert result.label_name is not None
    assert not mmcl_ext.get_model('small.py', checkpoint).training


def test_the_inferencers_are_among_the_apis_as_in_mmaction2():
    from mmcl_ext import apis, inference

    assert apis.MMCLInferencer is inference.MMCLInferencer
    assert apis.StreamingInferencer is inference.StreamingInferencer
    with pytest.raises(AttributeError, match='NoInferencer'):
        _ = apis.NoInferencer
