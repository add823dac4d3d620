import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

import pytest
from mmengine.config import Config
from torch.distributed.elastic.multiprocessing.errors import ProcessFailure

from mmcl_ext.config import torchrun
from mmcl_ext.config.launch import (
    check_cpu_support,
    prepare_launch,
    rank_environment,
    run_and_exit,
)
from mmcl_ext.config.torchrun import describe_failure, first_failure


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
    monkeypatch.setattr('mmcl_ext.config.launch.get_device', lambda: 'cuda')
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


def failure(folder, exitcode, message=None, seconds=0):
    """A record of torchrun; one that left no message was found just now."""
    path = folder / f'{message}.json'
    if message is not None:
        extra = dict(timestamp=str(int(time.time()) + seconds))
        path.write_text(json.dumps(dict(message=dict(message=message, extraInfo=extra))))
    return ProcessFailure(local_rank=0, pid=1, exitcode=exitcode, error_file=str(path))


def test_the_cause_is_the_first_failure_that_said_something(tmp_path):
    failures = {
        0: failure(tmp_path, 1),  # lost its peer
        1: failure(tmp_path, 1, 'ValueError: label 7\nmore', seconds=100),
        2: failure(tmp_path, 1, 'ValueError: later', seconds=101),
    }
    rank, found = first_failure(failures)
    assert rank == 1
    assert describe_failure(rank, found).startswith('process 1 failed: ValueError: label 7\n')


def test_a_process_without_a_message_is_described_by_its_end(tmp_path):
    killed, ended = failure(tmp_path, -9), failure(tmp_path, 1)
    assert describe_failure(1, killed).startswith('process 1 failed: killed by SIGKILL\n')
    assert describe_failure(1, ended).startswith('process 1 failed: see its output above\n')
    assert first_failure({0: ended, 1: killed}) == (1, killed)  # the others end because of it


def run_command(body, **variables):
    """Run a command through ``run_and_exit`` in a process of its own."""
    code = f'from mmcl_ext.config.launch import run_and_exit\n{body}\nrun_and_exit(main)'
    environ = {k: v for k, v in os.environ.items() if k != 'TORCHELASTIC_ERROR_FILE'} | variables
    return subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, env=environ, timeout=500
    )


def test_exit_statuses_and_messages():
    own = run_command(
        'from mmcl_ext.config.launch import rank_environment\n'
        "def main(): rank_environment('ray', {})"
    )
    assert own.returncode == 1
    assert own.stderr.splitlines()[-1].startswith("error: launcher 'ray'")
    assert 'Traceback' not in own.stderr

    gone = run_command("def main(): open('no.py')")
    assert gone.returncode == 1
    assert gone.stderr == "error: No such file or directory: 'no.py'\n"

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


LOADER = """
import torch
from torch.utils.data import DataLoader, TensorDataset

def main():
    data = TensorDataset(torch.zeros(8, 3))
    assert len(list(DataLoader(data, num_workers=2, persistent_workers=True))) == 8
"""


@pytest.mark.parametrize('gloo', [False, True])
def test_workers_of_data_loaders_leave_no_folders(gloo):
    """They keep their sockets in a temporary folder, and end without removing one of their own."""
    group = (
        '\n    torch.distributed.init_process_group('
        "'gloo', store=torch.distributed.HashStore(), rank=0, world_size=1)"
    )
    with tempfile.TemporaryDirectory() as folder:  # the path of a socket has to be short
        done = run_command(LOADER + group * gloo, TMPDIR=folder)
        assert done.returncode == 0, done.stderr
        assert os.listdir(folder) == []


@pytest.mark.parametrize('options', [(), ('--redirects=3',)])
def test_torchrun_leaves_no_folder_unless_log_files_are_asked_for(tmp_path, options):
    script = tmp_path / 'script.py'
    script.write_text('print("said")\nraise SystemExit(3)')
    command = [sys.executable, '-m', 'mmcl_ext.config.torchrun', '--nproc-per-node=1', *options]
    environ = os.environ | dict(TMPDIR=str(tmp_path / 'tmp'))
    (tmp_path / 'tmp').mkdir()
    done = subprocess.run(
        [*command, '--standalone', script], env=environ, capture_output=True, text=True, timeout=500
    )
    assert done.returncode == 3, done.stderr
    logs = sorted((tmp_path / 'tmp').rglob('stdout.log'))
    if options:
        assert [log.read_text() for log in logs] == ['said\n']
    else:
        assert 'said' in done.stdout
        assert os.listdir(tmp_path / 'tmp') == []


class ClosingHandler(logging.StreamHandler):
    """A handler that closes its stream with itself, as that of absl (TensorBoard) does."""

    def close(self):
        self.stream.close()
        super().close()


ENDING = """
import os, signal, sys
import torch.distributed as dist
from mmcl_ext.config.launch import init_gloo, run_and_exit

def main():
    init_gloo('pytorch', 5)
    if os.environ['RANK'] == '1':
        os.kill(os.getpid(), getattr(signal, sys.argv[1]))
    dist.barrier()

run_and_exit(main)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ('end', 'message'),
    [
        ('SIGSTOP', 'process 0 failed: another process has not answered'),
        ('SIGKILL', 'process 1 failed: killed by SIGKILL'),
        ('SIGSEGV', 'process 1 failed: killed by SIGSEGV'),
    ],
)
def test_a_process_that_hangs_or_is_killed_ends_the_run(tmp_path, end, message):
    script = tmp_path / 'ends.py'
    script.write_text(ENDING)
    command = [sys.executable, '-m', 'mmcl_ext.config.torchrun', '--nproc-per-node=2']
    start = time.monotonic()
    ended = subprocess.run(
        [*command, '--master-port=0', script, end], capture_output=True, text=True, timeout=300
    )
    assert ended.returncode == 1
    assert message in ended.stderr
    assert 'Traceback' not in ended.stderr
    assert time.monotonic() - start < 150  # torchrun waits half a minute before it kills


def test_a_port_in_use_is_told_in_one_line(capsys):
    with socket.create_server(('127.0.0.1', 0)) as server:
        port = server.getsockname()[1]
        options = ['--nnodes=1', '--nproc-per-node=1', f'--master-port={port}']
        assert torchrun.main([*options, 'script.py']) == 1
    error = capsys.readouterr().err.strip()
    assert re.match(rf'error: the processes cannot meet at 127\.0\.0\.1:{port}, set PORT', error)
    assert '\n' not in error


def test_a_port_in_use_is_told_by_processes_of_other_launchers():
    body = 'from mmcl_ext.config.launch import init_gloo\ndef main(): init_gloo("mpi")'
    ranks = {f'OMPI_COMM_WORLD_{name}': '0' for name in ('RANK', 'LOCAL_RANK')}
    with socket.create_server(('127.0.0.1', 0)) as server:
        place = dict(MASTER_ADDR='127.0.0.1', MASTER_PORT=str(server.getsockname()[1]))
        done = run_command(body, **ranks, OMPI_COMM_WORLD_SIZE='2', **place)
    assert done.returncode == 1
    told = f'the processes cannot meet at {":".join(place.values())}, set MASTER_PORT: '
    assert done.stderr.splitlines()[-1].startswith(f'error: rank 0: {told}')
    assert 'Traceback' not in done.stderr


@pytest.mark.parametrize('option', ['--nnodes=abc', '--nproc-per-node=abc', '--nnodes=3:1'])
def test_a_wrong_number_of_processes_is_told_in_one_line(capsys, option):
    options = ['--nnodes=1', '--nproc-per-node=1', '--standalone', option]
    assert torchrun.main([*options, 'script.py']) == 1
    error = capsys.readouterr().err.strip()
    assert error.startswith('error: ')
    assert '\n' not in error
