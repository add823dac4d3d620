"""Ablations: declaration, what decides a result, runs, table. Trainings are stand-ins."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fake_tools import LR, write_config, write_declaration, write_tools
from mmengine.config import Config

from mmcl_ext.ablation import campaign as campaign_module
from mmcl_ext.ablation.campaign import Campaign
from mmcl_ext.ablation.config_hash import config_hash
from mmcl_ext.ablation.declaration import load_ablation, select
from mmcl_ext.ablation.environment import job_environments
from mmcl_ext.ablation.run import Launch, Run, reuse, take
from mmcl_ext.ablation.table import render, summarize, write_summary
from mmcl_ext.ablation.try_build import try_build
from mmcl_ext.config.number_format import number_format
from mmcl_ext.config.user_errors import UserError
from mmcl_ext.fileio.lock import locked

TWO = f"dict(plain=dict(), other=dict(title='another rate', options={LR}))"
WHERE = dict(commit='abc', hardware='a machine', torch='2', python='3')


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    write_config(tmp_path / 'config.py')
    return write_tools(tmp_path / 'tools')


def plan(tools: Path, declaration: Path, seeds=(1, 2), **kwargs) -> list[Run]:
    root = tools.parent / 'work' / 'runs'
    return [
        Run(variant, seed, root, Launch(tools), **kwargs)
        for variant in load_ablation(declaration).variants
        for seed in seeds
    ]


def execute(runs: list[Run], jobs: int = 1) -> dict[str, str]:
    launch = runs[0].launch
    return Campaign(runs, launch, launch.tools.parent / 'work' / 'prepare', WHERE, jobs).execute()


def starts(run: Run) -> list[str]:
    return (run.folder / 'train' / 'starts.txt').read_text().splitlines()


# What is declared.


def test_a_declaration_is_filled_and_ordered(tools, tmp_path):
    path = write_declaration(
        tmp_path / 'graph.py',
        "dict(a=dict(title='on {place}', options={'{key}.lr': 0.2}), b=dict(reference='a'))",
        "config = '{file}.py'\nreference = 'b'\n"
        "fill = dict(file='config', place='earth', key='optim_wrapper.optimizer')",
    )
    ablation = load_ablation(path)
    assert [v.name for v in ablation.variants] == ['b', 'a']
    assert ablation.variants[1].title == 'on earth'
    assert ablation.variants[1].options == {'optim_wrapper.optimizer.lr': 0.2}
    assert ablation.variants[1].config == tmp_path / 'config.py'
    assert [v.name for v in select(ablation, ['a'])] == ['a']
    assert [v.name for v in select(ablation, ['?'])] == ['b', 'a']
    with pytest.raises(ValueError, match="no variant \\['c'\\], only \\['b', 'a'\\]"):
        select(ablation, ['a', 'c'])


@pytest.mark.parametrize(
    ('variants', 'head', 'message'),
    [
        ('dict()', "config = 'config.py'", 'declares no variants'),
        ('dict(a=dict(option=1))', "config = 'config.py'", "unknown \\['option'\\]"),
        ('dict(a=dict())', '', 'no config'),
        ("{'a b': dict()}", "config = 'config.py'", 'letters, digits'),
        ('dict(a=dict())', "config = 'config.py'\nreference = 'b'", "reference \\['b'\\]"),
        ("dict(a=dict(prepare=[dict(makes='x')]))", "config = 'config.py'", 'a step of prepare'),
    ],
)
def test_a_wrong_declaration_is_refused(tools, tmp_path, variants, head, message):
    path = write_declaration(tmp_path / 'wrong.py', variants, head)
    with pytest.raises(ValueError, match=message):
        load_ablation(path)


def test_missing_files_are_named(tools, tmp_path):
    with pytest.raises(FileNotFoundError, match=r'no ablation at .*nowhere\.py'):
        load_ablation(tmp_path / 'nowhere.py')
    path = write_declaration(tmp_path / 'a.py', "dict(a=dict(config='gone.py'))")
    with pytest.raises(FileNotFoundError, match=r"variant 'a'.*gone\.py"):
        load_ablation(path)


# What decides a result.


@pytest.mark.parametrize(
    'change',
    [
        {'train_dataloader.num_workers': 0},
        {'val_dataloader.batch_size': 3},
        {'train_cfg.val_interval': 7},
        {'work_dir': 'elsewhere'},
        {'some_variable': 3},
        {'default_hooks.tensorboard.type': 'TensorboardHook'},
        {'default_hooks.logger.interval': 1},
    ],
)
def test_watching_and_speed_do_not_change_the_fingerprint(tools, tmp_path, change):
    cfg = Config.fromfile(tmp_path / 'config.py')
    before = config_hash(cfg)
    cfg.merge_from_dict(change)
    assert config_hash(cfg) == before


@pytest.mark.parametrize(
    'change',
    [
        {'optim_wrapper.optimizer.lr': 0.2},
        {'train_dataloader.batch_size': 8},
        {'test_dataloader.dataset.split': 'other'},
        {'randomness.seed': 5},
        {'model.backbone.type': 'STGCN'},
        {'custom_hooks': [dict(type='EMAHook')]},
        {'load_from': 'weights.pth'},
    ],
)
def test_what_can_change_a_result_changes_the_fingerprint(tools, tmp_path, change):
    cfg = Config.fromfile(tmp_path / 'config.py')
    before = config_hash(cfg)
    assert config_hash(cfg, processes=2) != before
    cfg.merge_from_dict(change)
    assert config_hash(cfg) != before


# Runs.


def test_runs_are_done_once_and_the_table_has_their_statistics(tools, tmp_path):
    path = write_declaration(tmp_path / 'rate.py', TWO)
    runs = plan(tools, path, seeds=(1, 2, 4))
    assert execute(runs, jobs=2) == {}
    assert [starts(run) for run in runs] == [['0 True']] * 6
    before = [(run.folder / 'result.json').read_bytes() for run in runs]
    assert execute(plan(tools, path, seeds=(1, 2, 4))) == {}
    assert [(run.folder / 'result.json').read_bytes() for run in runs] == before

    summary = summarize(load_ablation(path), runs)
    plain, other = (row['metrics']['acc/top1'] for row in summary['rows'])
    # The stand-in's accuracy is lr + seed / 100: 0.11, 0.12, 0.14 and 0.21, 0.22, 0.24.
    assert plain['mean'] == pytest.approx(0.37 / 3)
    assert plain['std'] == pytest.approx(0.0152753, abs=1e-7)
    assert 'gain' not in plain
    assert other['gain']['mean'] == pytest.approx(0.1)
    assert other['gain']['std'] == pytest.approx(0, abs=1e-12)
    text = render(summary)
    assert '| another rate | 22.33 ± 1.53 | +10.00 ± 0.00 | 1 2 4 |' in text
    assert 'Commit abc, torch 2, Python 3, a machine.' in text

    write_summary(summary, tmp_path / 'tables' / 'rate')
    stored = json.loads((tmp_path / 'tables' / 'rate.json').read_text())
    assert stored['rows'][1]['metrics']['acc/top1']['seeds'] == {
        '1': 0.21000000000000002,
        '2': 0.22,
        '4': 0.24000000000000002,
    }
    with (tmp_path / 'tables' / 'rate.csv').open() as file:
        rows = list(csv.DictReader(file))
    assert [(r['variant'], r['seed']) for r in rows][:4] == [
        ('plain', '1'), ('plain', '2'), ('plain', '4'), ('other', '1')
    ]  # fmt: skip


def test_time_is_noted_while_a_training_runs(tools, tmp_path, monkeypatch):
    """A kill of the runner then loses a minute of the time in the table, not all."""
    monkeypatch.setattr(campaign_module, '_NOTED_EVERY', 0.3)
    noted = []
    spend = Run.spend
    monkeypatch.setattr(
        Run, 'spend', lambda self, *what: (noted.append(what), spend(self, *what))[1]
    )
    write_config(tmp_path / 'config.py', seconds=0.5)
    (run,) = plan(tools, write_declaration(tmp_path / 'a.py', 'dict(a=dict())'), seeds=(1,))
    began = time.monotonic()
    assert execute([run]) == {}
    parts = [seconds for stage, seconds in noted if stage.name == 'train']
    assert len(parts) > 2
    assert run.result['train_seconds'] == pytest.approx(sum(parts))
    assert 1.5 <= sum(parts) <= time.monotonic() - began


def test_one_seed_shows_no_deviation(tools, tmp_path):
    path = write_declaration(tmp_path / 'rate.py', TWO)
    runs = plan(tools, path, seeds=(3,))
    execute(runs)
    summary = summarize(load_ablation(path), runs)
    assert summary['rows'][0]['metrics']['acc/top1']['std'] is None
    assert '±' not in render(summary)
    assert '| plain | 13.00 |' in render(summary)


def test_a_failed_run_is_recorded_and_tried_again(tools, tmp_path):
    write_config(tmp_path / 'bad.py', fails=True)
    path = write_declaration(tmp_path / 'a.py', "dict(bad=dict(config='bad.py'), good=dict())")
    runs = plan(tools, path)
    failures = execute(runs)
    reason = 'train ended with status 1: error: there is something wrong'
    assert failures == {'bad, seed 1': reason, 'bad, seed 2': reason}
    assert [bool(run.result) for run in runs] == [False, False, True, True]
    assert f'bad, seed 1 failed: {reason}' in render(summarize(load_ablation(path), runs))
    execute(plan(tools, path, seeds=(1,)))
    assert starts(runs[0]) == ['0 True', '1 True']  # from its checkpoint
    assert starts(runs[2]) == ['0 True']


def test_a_test_without_numbers_fails_alone(tools, tmp_path):
    (tools / 'test.py').write_text('')
    runs = plan(tools, write_declaration(tmp_path / 'a.py', TWO), seeds=(1,))
    failures = execute(runs)
    assert len(failures) == len(runs) == 2
    assert all('test ended without metrics' in reason for reason in failures.values())


def test_a_changed_configuration_is_trained_anew(tools, tmp_path):
    path = write_declaration(tmp_path / 'a.py', 'dict(plain=dict())')
    (first,) = plan(tools, path, seeds=(1,))
    execute([first])
    (changed,) = plan(tools, path, seeds=(1,), options={'optim_wrapper.optimizer.lr': 0.3})
    assert not changed.result
    assert changed.folder != first.folder
    execute([changed])
    assert changed.result['metrics'] == {'acc/top1': 0.31}
    assert first.result['metrics'] == {'acc/top1': 0.11}


def test_ablations_share_equal_runs(tools, tmp_path):
    first = plan(tools, write_declaration(tmp_path / 'a.py', TWO), seeds=(1,))
    twice = "dict(base=dict(), same=dict(options={'train_dataloader.num_workers': 0}))"
    second = plan(tools, write_declaration(tmp_path / 'b.py', twice), seeds=(1,))
    execute(second)
    assert second[0].folder == second[1].folder == first[0].folder
    assert starts(first[0]) == ['0 True']
    assert first[0].result
    assert not first[1].result


def test_preparing_steps_run_once_before_and_may_fail(tools, tmp_path):
    made, never = tmp_path / 'made.txt', tmp_path / 'never.txt'
    step = f"dict(makes='{made}', command=('make.py', '{made}'))"
    broken = f"dict(makes='{never}', command=('make.py', '/nowhere/x'))"
    variants = f'dict(a=dict(prepare=[{step}]), b=dict(prepare=[{step}, {broken}], options={LR}))'
    runs = plan(tools, write_declaration(tmp_path / 'a.py', variants), seeds=(1,))
    assert f'first makes {made}' in runs[0].describe()
    failures = execute(runs)
    assert made.read_text() == 'made'
    assert list(failures) == ['b, seed 1']
    assert f'{never} could not be made' in failures['b, seed 1']
    assert runs[0].result


def test_a_folder_that_another_process_works_in_is_left_alone(tools, tmp_path, monkeypatch):
    monkeypatch.setattr(campaign_module, '_PATIENCE', 0.1)
    runs = plan(tools, write_declaration(tmp_path / 'a.py', TWO), seeds=(1,))
    with locked(runs[0].folder):
        failures = execute(runs)
    assert 'another process works in' in failures['plain, seed 1']
    assert not runs[0].result
    assert runs[1].result


def test_finished_work_folders_are_taken_over(tools, tmp_path):
    path = write_declaration(tmp_path / 'a.py', TWO)
    runs = plan(tools, path)
    execute(runs)
    moved = tmp_path / 'elsewhere'
    moved.mkdir()
    for i, run in enumerate(runs):
        (run.folder / 'train').rename(moved / str(i))
        (moved / str(i) / 'last_checkpoint').write_text(str(moved / str(i) / 'epoch_3.pth'))
    (tmp_path / 'work').rename(tmp_path / 'old')

    fresh = plan(tools, path)
    lines = list(reuse(fresh[:3], [moved]))
    assert lines[:3] == [f'{run}: trained in {moved / str(i)}' for i, run in enumerate(fresh[:3])]
    assert lines[3].startswith(f'{moved / "3"} is not used')
    with pytest.raises(ValueError, match=r'differs in .*optim_wrapper\.optimizer\.lr'):
        fresh[0].reuse(moved / '3')
    line = take(fresh, f'other:2={moved / "0"}')
    assert line == f'other, seed 2: trained in {moved / "0"}'
    assert execute(fresh) == {}
    assert fresh[0].result['metrics'] == {'acc/top1': 0.11}
    assert not (fresh[0].folder / 'train').exists()
    text = render(summarize(load_ablation(path), fresh))
    assert "another rate, seed 2: trained with other settings, ['" in text
    with pytest.raises(ValueError, match='VARIANT:SEED=FOLDER'):
        take(fresh, 'third:2=x')
    with pytest.raises(FileNotFoundError, match='no folder at'):
        list(reuse(fresh, [tmp_path / 'gone']))


def test_an_unfinished_training_is_not_taken_over(tools, tmp_path):
    (run,) = plan(tools, write_declaration(tmp_path / 'a.py', 'dict(a=dict())'), seeds=(1,))
    work = tmp_path / 'half'
    work.mkdir()
    (work / 'epoch_2.pth').write_text('')
    run.cfg.dump(work / 'config.py')
    with pytest.raises(ValueError, match=r'has not ended: epoch_2\.pth of 3'):
        run.reuse(work)


def test_jobs_share_threads_and_gpus(monkeypatch):
    monkeypatch.delenv('OMP_NUM_THREADS', raising=False)
    monkeypatch.setattr(os, 'cpu_count', lambda: 8)
    assert job_environments(1) == [{}]
    monkeypatch.setattr('torch.cuda.is_available', lambda: False)
    assert job_environments(2) == [{'OMP_NUM_THREADS': '4'}] * 2
    monkeypatch.setattr('torch.cuda.is_available', lambda: True)
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '4,5,6,7')
    shares = [env['CUDA_VISIBLE_DEVICES'] for env in job_environments(2, 2)]
    assert shares == ['4,5', '6,7']
    with pytest.raises(ValueError, match='more than the 4 GPUs'):
        job_environments(3, 2)


# The command.


def command(tools: Path, *arguments: str) -> list[str]:
    work = ['--work-dir', str(tools.parent / 'work')]
    return [sys.executable, '-W', 'ignore', str(tools / 'ablation.py'), *arguments, *work]


def wait_for(runs: Path, pattern: str, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 120
    while not list(runs.glob(pattern)):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_command_goes_on_after_a_kill_and_after_ctrl_c(tools, tmp_path):
    write_config(tmp_path / 'config.py', seconds=1.0)
    declaration = str(write_declaration(tmp_path / 'slow.py', 'dict(a=dict())'))
    pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    runs = tools.parent / 'work' / 'runs'

    process = subprocess.Popen(command(tools, declaration), **pipes)
    wait_for(runs, 'a-*/train/epoch_1.pth', process)
    process.kill()
    process.communicate()

    process = subprocess.Popen(command(tools, declaration), **pipes)
    wait_for(runs, 'a-*/train/epoch_2.pth', process)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    (folder,) = runs.glob('a-*')
    assert 'The same command goes on' in output
    assert not (folder / 'result.json').exists()

    done = subprocess.run(command(tools, declaration), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert '| a | 11.00 | 1 |' in done.stdout
    begun = [int(line.split()[0]) for line in starts_of(folder)]
    assert begun[0] == 0
    assert begun == sorted(set(begun))  # each start went on from the last checkpoint
    assert len(begun) == 3
    assert (tools.parent / 'work' / 'slow.md').read_text() in done.stdout


def starts_of(folder: Path) -> list[str]:
    return (folder / 'train' / 'starts.txt').read_text().splitlines()


def test_bad_input_gives_one_line(tools, tmp_path):
    declaration = str(write_declaration(tmp_path / 'a.py', TWO))
    for arguments, message in (
        (('gone.py',), 'error: no ablation at gone.py'),
        ((declaration, '--only', 'third'), "error: a has no variant ['third']"),
    ):
        done = subprocess.run(command(tools, *arguments), capture_output=True, text=True)
        assert done.returncode == 1
        assert done.stderr.strip().startswith(message)
        assert '\n' not in done.stderr.strip()


def test_a_dry_run_builds_each_variant(tools, tmp_path):
    (tmp_path / 'own.py').write_text(
        "default_scope = 'mmcl_ext'\n"
        "graph = dict(type='SkeletonGraph', layout='coco', mode='spatial')\n"
        "model = dict(type='SkeletonRecognizer', backbone=dict(type='CTRGCN', graph_cfg=graph),\n"
        "             cls_head=dict(type='GCNHead', num_classes=3))\n"
    )
    variants = (
        "dict(sound=dict(), slip=dict(options={'model.cls_head.drop_out': 0.5}), "
        "value=dict(options={'model.backbone.num_stages': -1}))"
    )
    declaration = write_declaration(tmp_path / 'own_runs.py', variants, "config = 'own.py'")
    runs = plan(tools, declaration)
    with pytest.raises(UserError) as error:
        try_build(runs)
    slip, value = str(error.value).splitlines()
    assert slip.startswith("variant 'slip': wrong argument in the configuration: GCNHead takes no")
    assert value.startswith("variant 'value': ")
    assert try_build(run for run in runs if run.variant.name == 'sound') == []


def test_a_run_keeps_its_number_format_on_another_machine(tools, tmp_path, monkeypatch):
    """Its hash covers the format that was used; the machine chooses that of new runs alone."""

    def choose(native):
        monkeypatch.setattr('mmcl_ext.config.number_format.has_bfloat16', lambda: native)
        monkeypatch.setattr('mmcl_ext.config.number_format.get_device', lambda: 'cpu')

    path = write_declaration(tmp_path / 'a.py', TWO)
    choose(True)
    begun = plan(tools, path, seeds=(1,))
    execute(begun)
    assert {number_format(run.cfg) for run in begun} == {'bfloat16'}
    assert 'Trained in bfloat16.' in render(summarize(load_ablation(path), begun))

    choose(False)
    runs = plan(tools, path)
    assert [number_format(run.cfg) for run in runs] == ['bfloat16', 'float32'] * 2
    assert [bool(run.result) for run in runs] == [True, False] * 2
    execute(runs)
    assert 'amp = False' in (runs[1].folder / 'config.py').read_text()
    text = render(summarize(load_ablation(path), runs))
    assert 'different number formats, compare with care: bfloat16 (plain, seed 1;' in text

    asked = plan(tools, path, seeds=(1,), options={'amp': False})
    assert not any(run.result for run in asked)
    assert {run.key for run in asked}.isdisjoint(run.key for run in begun)
    named = plan(tools, path, seeds=(1,), options={'optim_wrapper.type': 'CPUAmpOptimWrapper'})
    assert [run.key for run in named] == [run.key for run in begun]
