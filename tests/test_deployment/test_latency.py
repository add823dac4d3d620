"""The latency benchmark runs, and says what is wrong with its input."""

import subprocess
import sys
from pathlib import Path

import pytest


def latency(repo: Path, *arguments: str) -> subprocess.CompletedProcess:
    command = [
        sys.executable,
        '-W',
        'ignore',
        'benchmarks/latency.py',
        '--threads',
        '1',
        *arguments,
    ]
    return subprocess.run(command, cwd=repo, capture_output=True, text=True)


@pytest.mark.slow
def test_prints_every_variant(repo: Path) -> None:
    pytest.importorskip('onnxscript')
    done = latency(repo, '--rounds', '1', '--batches', '1', '--persons', '1', '--clock', 'cpu')
    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines() if 'e-' in line and line.startswith('ours')]
    assert rows
    for row in rows:  # random weights enlarge what bfloat16 rounds away
        assert float(row.split()[-1]) < (0.5 if 'bf16' in row else 5e-3), row
    assert 'ours, optimized' in done.stdout


@pytest.mark.slow
def test_networks_beside_ctrgcn(repo: Path) -> None:
    """BlockGCN's topology takes whole clips, which is another form of exported file."""
    pytest.importorskip('onnxscript')
    settings = ('--rounds', '1', '--batches', '1', '--persons', '1', '--clock', 'cpu')
    done = latency(repo, *settings, '--networks', 'BlockGCN')
    assert done.returncode == 0, done.stderr
    rows = dict(line.split(': ', 1) for line in done.stdout.splitlines() if ': eager' in line)
    assert list(rows) == ['CTR-GCN', 'BlockGCN']
    assert rows['CTR-GCN'].split()[3] == '1.00x'
    exported = [line for line in done.stdout.splitlines() if line.startswith('BlockGCN: o')]
    assert exported
    for row in exported:
        assert float(row.split()[-1]) < (0.1 if 'bf16' in row else 1e-5), row
    unknown = latency(repo, '--networks', 'SkateFormer')
    assert unknown.returncode == 2
    assert "there is no network 'SkateFormer'" in unknown.stderr


def test_no_clone_is_no_traceback(repo: Path, tmp_path: Path) -> None:
    done = latency(repo, '--reference', str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith('error: ')
    assert latency(repo, '--agreement', 'store.safetensors').returncode == 2
