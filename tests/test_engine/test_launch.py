import logging
import os
import signal
import subprocess
import sys

import pytest
from mmengine.config import Config

from mmcl_ext.engine.elastic import describe_failure, first_failure
from mmcl_ext.engine.launch import (
    check_cpu_support,
    prepare_launch,
    rank_environment,
    run_and_exit,
)


def test_amp_on_a_cpu_is_refused_in_one_message():
    cfg = Config(dict(optim_wrapper=dict(type='AmpOptimWrapper')))
    with pytest.raises(ValueError, match='--amp'):
        check_cpu_support(cfg, distributed=False)


@pytest.mark.parametrize(
    'settings',
    [
        dict(sync_bn='torch'),
        dict(model=dict(backbone=dict(stages=[dict(norm_cfg=dict(type='SyncBN'))]))),
    ],
)
def test_synchronised_batch_norm_on_cpus_is_refused(settings):
    cfg = Config(settings)
    with pytest.raises(ValueError, match='batch norm'):
        check_cpu_support(cfg, distributed=True)
    check_cpu_support(cfg, distributed=False)  # MMEngine turns it into plain batch norm


def test_nothing_changes_where_an_accelerator_is(monkeypatch):
    monkeypatch.setattr('mmcl_ext.engine.launch.get_device', lambda: 'cuda')
    cfg = Config(dict(launcher='pytorch', optim_wrapper=dict(type='AmpOptimWrapper')))
    before = cfg.pretty_text
    prepare_launch(cfg)
    assert cfg.pretty_text == before


def test_rank_environment_of_slurm():
    environ = dict(
        SLURM_PROCID='3',
        SLURM_NTASKS='4',
        SLURM_LOCALID='1',
        MASTER_ADDR='node7',
        MASTER_PORT='1234',
    )
    assert rank_environment('slurm', environ) == dict(
        RANK='3', WORLD_SIZE='4', LOCAL_RANK='1', MASTER_ADDR='node7', MASTER_PORT='1234'
    )


def test_rank_environment_of_mpi_has_defaults():
    environ = dict(
        OMPI_COMM_WORLD_RANK='1', OMPI_COMM_WORLD_SIZE='2', OMPI_COMM_WORLD_LOCAL_RANK='1'
    )
    found = rank_environment('mpi', environ)
    assert (found['RANK'], found['WORLD_SIZE']) == ('1', '2')
    assert (found['MASTER_ADDR'], found['MASTER_PORT']) == ('127.0.0.1', '29500')


@pytest.mark.parametrize(('launcher', 'text'), [('pytorch', 'RANK'), ('ray', "'ray'")])
def test_bad_launches_are_named(launcher, text):
    with pytest.raises(ValueError, match=text):
        rank_environment(launcher, {})


class Failure:
    """The part of torchrun's record that the summary reads."""

    def __init__(self, exitcode, timestamp, message=''):
        self.exitcode = exitcode
        self.timestamp = timestamp
        self.error_file_data = {'message': message}

    def signal_name(self):
        return 'SIGKILL'


def test_the_cause_is_the_first_failure_that_said_something():
    failures = {
        0: Failure(1, 10),  # lost its peer
        1: Failure(1, 10, {'message': 'ValueError: label 7\nmore', 'extraInfo': {}}),
        2: Failure(1, 11, {'message': 'ValueError: later', 'extraInfo': {}}),
    }
    rank, failure = first_failure(failures)
    assert rank == 1
    assert describe_failure(rank, failure).startswith('process 1 failed: ValueError: label 7\n')


def test_a_killed_process_is_described_by_its_signal():
    rank, failure = first_failure({0: Failure(1, 12), 1: Failure(-9, 10)})
    assert describe_failure(rank, failure).startswith('process 1 failed: killed by SIGKILL\n')


def run_command(body):
    """Run a command through ``run_and_exit`` in a process of its own."""
    code = f'from mmcl_ext.engine.launch import run_and_exit\n{body}\nrun_and_exit(main)'
    environ = {k: v for k, v in os.environ.items() if k != 'TORCHELASTIC_ERROR_FILE'}
    return subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, env=environ, timeout=120
    )


def test_exit_statuses_and_messages():
    own = run_command(
        'from mmcl_ext.engine.launch import rank_environment\n'
        "def main(): rank_environment('ray', {})"
    )
    assert own.returncode == 1
    assert own.stderr.splitlines()[-1].startswith("error: launcher 'ray'")
    assert 'Traceback' not in own.stderr

    gone = run_command("def main(): open('no.py')")
    assert gone.returncode == 1
    assert gone.stderr == "error: [Errno 2] No such file or directory: 'no.py'\n"

    told = run_command("def main(): raise SystemExit('error: no such thing')")
    assert (told.returncode, told.stderr) == (1, 'error: no such thing\n')

    foreign = run_command("def main(): raise ValueError('not ours')")
    assert foreign.returncode == 1
    assert 'Traceback' in foreign.stderr

    interrupted = run_command(
        'import os, signal, time\ndef main(): os.kill(os.getpid(), signal.SIGTERM); time.sleep(5)'
    )
    assert (interrupted.returncode, interrupted.stderr.count('Traceback')) == (130, 0)
    assert run_command('def main(): return 3').returncode == 0


def test_leaving_one_process_closes_no_log(monkeypatch, tmp_path):
    """Who runs a tool by ``runpy`` goes on, and a handler may hold a stream of theirs."""
    monkeypatch.setattr(signal, 'signal', lambda number, handler: None)
    with (tmp_path / 'log.txt').open('w') as stream:
        handler = ClosingHandler(stream)
        with pytest.raises(SystemExit):
            run_and_exit(lambda: None)
        assert not stream.closed
        handler.close()


class ClosingHandler(logging.StreamHandler):
    """A handler that closes its stream with itself, as that of absl (TensorBoard) does."""

    def close(self):
        self.stream.close()
        super().close()
