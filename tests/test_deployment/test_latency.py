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


def test_no_clone_is_no_traceback(repo: Path, tmp_path: Path) -> None:
    done = latency(repo, '--reference', str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith('error: ')
    assert latency(repo, '--agreement', 'store.safetensors').returncode == 2
