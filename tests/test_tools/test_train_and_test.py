"""The command lines, run as a user runs them, on a tiny data set."""

import itertools
import json
import os
import pickle
import runpy
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from free_port import free_port
from tiny_data import FAST_OPTIONS, write_tiny_data

REPO = Path(__file__).resolve().parents[2]
SKELETON = REPO / 'configs/skeleton/ctrgcn_hdgraph_ntu120.py'
MMCL = REPO / 'configs/mmcl/ctrgcn_hdgraph_ntu120.py'
CALLS = itertools.count()
CACHED_BRANCH = {  # the smallest image that Inception-v3 takes
    'model.co_learning.image_encoder.pretrained': None,
    'train_dataloader.dataset.pipeline.0.size': '(75,75)',
}


def as_arguments(options):
    texts = {key: json.dumps(value) if isinstance(value, list) else str(value)
             for key, value in options.items()}  # fmt: skip
    return [f'{key}={text.replace(" ", "")}' for key, text in texts.items()]


def environment():
    environ = {k: v for k, v in os.environ.items() if not k.startswith('TORCHELASTIC')}
    return environ | dict(PYTHON=sys.executable, OMP_NUM_THREADS='1', PORT=str(free_port()))


def command(tool, *arguments, **options):
    start = [str(REPO / 'tools' / tool)]
    if tool.endswith('.py'):
        start.insert(0, sys.executable)
    extra = ['--cfg-options', *as_arguments(FAST_OPTIONS | options)]
    return [*start, *map(str, arguments), *extra]


def run(root, tool, *arguments, expect=0, **options):
    """Run a tool in a process of its own."""
    result = subprocess.run(
        command(tool, *arguments, **options),
        cwd=root,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert result.returncode == expect, result.stdout[-2000:] + result.stderr[-4000:]
    return result


def call(root, tool, *arguments, **options):
    """Run the main function of a tool in this process, which is faster."""
    # MMEngine names a run after its second, and two runs of one name would share a visualizer.
    options.setdefault('experiment_name', f'call_{next(CALLS)}')
    script, *argv = command(tool, *arguments, **options)[1:]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setattr(sys, 'argv', [script, *argv])
        try:
            runpy.run_path(script)['main']()
        except SystemExit as end:  # the one line of an error
            raise end.__cause__ or end from None


def metrics(work_dir):
    """Metrics that a test has written."""
    path = max(Path(work_dir).glob('2*/2*.json'))
    return {k: v for k, v in json.loads(path.read_text()).items() if k.startswith('acc/')}


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp('root')
    write_tiny_data(root)
    return root


@pytest.fixture(scope='module')
def trained(root):
    """A short training with co-learning."""
    options = CACHED_BRANCH | {'train_cfg.max_epochs': 2, 'train_cfg.val_interval': 1}
    call(root, 'train.py', MMCL, '--work-dir', 'mmcl', '--seed', 3, **options)
    return root / 'mmcl'


def test_testing_needs_the_skeletons_only(root, trained, tmp_path):
    blind = tmp_path / 'blind'  # the same folder without images and texts
    shutil.copytree(root / 'data', blind / 'data')
    shutil.rmtree(blind / 'data/ntu120/composites')
    (blind / 'data/ntu120/text/hidden_states.safetensors').unlink()
    run(blind, 'test.py', MMCL, trained / 'epoch_2.pth', '--work-dir', 'whole', '--dump', 'a.pkl')
    stripped = trained / 'epoch_2_skeleton.pth'
    call(
        blind, 'test.py', SKELETON, stripped, '--work-dir', 'stripped', '--dump', 'b.pkl',
        '--show-dir', 'pictures', '--interval', 3,
    )  # fmt: skip
    assert metrics(blind / 'whole') == metrics(blind / 'stripped') != {}

    assert sorted(os.listdir(blind / 'pictures')) == ['sample008.png', 'sample011.png']
    whole, stripped = (pickle.loads((blind / name).read_bytes()) for name in ('a.pkl', 'b.pkl'))
    assert [item['sample_name'] for item in whole] == [f'sample{i:03d}' for i in range(8, 12)]
    for item, other in zip(whole, stripped, strict=True):
        assert item['pred_score'].shape == (120,)
        assert torch.equal(item['pred_score'], other['pred_score'])
        assert item['pred_label'].item() == item['pred_score'].argmax().item()
        assert item['gt_label'].shape == (1,)


def test_the_seed_of_the_command_line_holds(trained):
    assert torch.load(trained / 'epoch_2.pth', weights_only=False)['meta']['seed'] == 3


def test_a_killed_training_resumes_to_the_same_result(root):
    options = {
        'model.cls_head.dropout': 0.5,
        'train_cfg.max_epochs': 15,
        'train_cfg.val_interval': 1,
        'default_hooks.checkpoint.max_keep_ckpts': -1,
    }
    call(root, 'train.py', SKELETON, '--work-dir', 'unbroken', **options)
    killed = subprocess.Popen(
        command('train.py', SKELETON, '--work-dir', 'killed', **options),
        cwd=root,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 200
    while not (root / 'killed/epoch_2.pth').exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    assert not (root / 'killed/epoch_15.pth').exists()

    call(root, 'train.py', SKELETON, '--work-dir', 'killed', '--resume', **options)
    log = max((root / 'killed').glob('2*/*.log')).read_text()
    assert 'resumed epoch' in log
    assert 'unbroken run' not in log  # no warning of RandomStateHook
    first, second = (
        torch.load(root / folder / 'epoch_15.pth', weights_only=False)
        for folder in ('unbroken', 'killed')
    )
    for key, value in first['state_dict'].items():
        assert torch.equal(value, second['state_dict'][key]), key
    assert last_scalars(root / 'unbroken') == last_scalars(root / 'killed')


def last_scalars(work_dir):
    """The last line of the scalars that the visualizer wrote, without the clock."""
    lines = max(Path(work_dir).glob('2*/vis_data/2*.json')).read_text().splitlines()
    return {k: v for k, v in json.loads(lines[-1]).items() if 'time' not in k}


def test_resume_without_a_checkpoint_starts_from_the_beginning(root, capsys):
    arguments = [SKELETON, '--work-dir', 'fresh', '--resume', '--no-validate']
    call(root, 'train.py', *arguments, **{'train_cfg.max_epochs': 1})
    out = capsys.readouterr().out
    assert 'no checkpoint in fresh' in out
    assert (root / 'fresh/epoch_1.pth').is_file()
    assert 'Epoch(val)' not in out


def test_mixed_precision_on_a_cpu(root, monkeypatch):
    options = {'train_cfg.max_epochs': 1}
    call(root, 'train.py', SKELETON, '--work-dir', 'amp', '--amp', '--no-validate', **options)
    state = torch.load(root / 'amp/epoch_1.pth', weights_only=False)['state_dict']
    assert {value.dtype for value in state.values() if value.is_floating_point()} == {torch.float32}
    assert 0 < last_scalars(root / 'amp')['loss'] < 20
    assert 'amp = True\n' in (root / 'amp' / SKELETON.name).read_text()

    monkeypatch.setattr('mmcl_ext.config.number_format.has_bfloat16', lambda: False)
    options = {'train_cfg.max_epochs': 2}
    call(root, 'train.py', SKELETON, '--work-dir', 'amp', '--resume', '--no-validate', **options)
    log = max((root / 'amp').glob('2*/*.log')).read_text()
    assert 'number format: bfloat16, in which the resumed training began; --no-amp' in log


def test_wrong_options_are_named(root):
    with pytest.raises(FileNotFoundError, match=r"no checkpoint 'no\.pth'"):
        call(root, 'train.py', SKELETON, '--work-dir', 'x', '--resume', 'no.pth')
    gpu_only = {'optim_wrapper.type': 'AmpOptimWrapper'}
    with pytest.raises(ValueError, match=r'AmpOptimWrapper needs a GPU.*--amp'):
        call(root, 'train.py', SKELETON, '--work-dir', 'x', **gpu_only)
    with pytest.raises(ValueError, match=r"'a\.json'"):
        call(root, 'test.py', SKELETON, 'epoch_1.pth', '--dump', 'a.json')


def test_interrupting_says_where_to_resume(root):
    process = subprocess.Popen(
        command('train.py', SKELETON, '--work-dir', 'interrupted', '--no-validate'),
        cwd=root,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 200
    while not (root / 'interrupted/last_checkpoint').exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert 'The same command with --resume goes on from' in stderr.splitlines()[-1]
    assert 'Traceback' not in stderr


LAUNCHED = {  # other dropout masks in each process; a checkpoint after each of 2 x 2 steps
    'model.cls_head.dropout': 0.5,
    'randomness.diff_rank_seed': True,
    'train_dataloader.batch_size': 2,
    'train_cfg.max_epochs': 2,
    'default_hooks.checkpoint.by_epoch': False,
    'default_hooks.checkpoint.max_keep_ckpts': -1,
}


def launch(root, work_dir, *arguments, **options):
    """Train on two gloo processes."""
    run(root, 'dist_train.sh', SKELETON, 2, '--work-dir', work_dir, *arguments, **options)


@pytest.fixture(scope='module')
def launched(root):
    """A training of two processes."""
    launch(root, 'two', **LAUNCHED)
    return root / 'two'


def test_two_processes_train_and_test_without_cuda(root, launched):
    checkpoint = launched / 'iter_4.pth'
    run(root, 'dist_test.sh', SKELETON, checkpoint, 2, '--work-dir', 'two_test', '--dump', 't.pkl')
    call(root, 'test.py', SKELETON, checkpoint, '--work-dir', 'one_test', '--dump', 'o.pkl')
    assert metrics(root / 'two_test') == metrics(root / 'one_test') != {}
    two, one = (pickle.loads((root / name).read_bytes()) for name in ('t.pkl', 'o.pkl'))
    assert [item['sample_name'] for item in two] == [item['sample_name'] for item in one]


def test_two_processes_resume_inside_an_epoch(root, launched):
    launch(root, 'again', '--resume', launched / 'iter_1.pth', **LAUNCHED)
    assert not (root / 'again/iter_1.pth').exists()
    first, second = (
        torch.load(folder / 'iter_4.pth', weights_only=False)
        for folder in (launched, root / 'again')
    )
    ranks = first['random_state']['ranks']
    assert not torch.equal(ranks[0]['torch'], ranks[1]['torch'])
    for key, value in first['state_dict'].items():
        assert torch.equal(value, second['state_dict'][key]), key


def test_a_failing_process_is_one_message_and_a_status(root):
    result = run(
        root, 'dist_train.sh', SKELETON, 2, '--work-dir', 'x', expect=1,
        **{'model.cls_head.num_classes': 2},
    )  # fmt: skip
    assert result.stderr.count('field label') == 1
    assert 'process 0 failed: data/ntu120/ntu120.safetensors' in result.stderr


@pytest.mark.slow
def test_ten_launches_end_with_status_zero(root):
    for index in range(10):
        launch(root, f'launch{index}', **{'train_cfg.max_epochs': 1})


def test_slurm_scripts_call_srun_with_the_tools(root, tmp_path):
    srun = tmp_path / 'srun'
    srun.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    srun.chmod(0o755)
    environ = environment() | dict(PATH=f'{tmp_path}:{os.environ["PATH"]}', GPUS='2')
    environ |= dict(GPUS_PER_NODE='2', SRUN_ARGS='--qos=high --time=1')
    tools = REPO / 'tools'
    for script, arguments, tool in (
        ('slurm_train.sh', ['c.py'], 'train.py'),
        ('slurm_test.sh', ['c.py', 'w.pth'], 'test.py'),
    ):
        call = [tools / script, 'gpu', 'job', *arguments, '--work-dir', 'w d']
        lines = subprocess.check_output(call, env=environ, text=True).splitlines()
        assert {'--partition=gpu', '--job-name=job', '--ntasks=2', '--gres=gpu:2'} <= set(lines)
        assert {'--qos=high', '--time=1', '--kill-on-bad-exit=1'} <= set(lines)
        start = lines.index(str(tools / tool))
        assert lines[start + 1 :] == [*arguments, '--launcher', 'slurm', '--work-dir', 'w d']
