"""The benchmark of training steps runs, and says what is wrong with its input."""

import re
import subprocess
import sys
from pathlib import Path


def benchmark(repo: Path, *arguments: str) -> subprocess.CompletedProcess:
    small = ('--threads', '1', '--rounds', '1', '--batch', '2', '--precisions', 'fp32')
    command = [sys.executable, '-W', 'ignore', 'benchmarks/train_step.py', *small, *arguments]
    return subprocess.run(command, cwd=repo, capture_output=True, text=True)


def test_prints_table_and_floor(repo: Path) -> None:
    done = benchmark(repo, '--backbones', 'CTRGCN', '--plain')
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    (fast,) = (line for line in lines if line.startswith('CTRGCN, fp32   '))
    *_, total, forward, backward, optimizer, best, speed = fast.split()
    parts = float(forward) + float(backward) + float(optimizer)
    assert abs(parts - float(total)) < 0.2
    assert (best, speed) == (total, '1.00x')
    assert any(line.startswith('CTRGCN, plain, fp32') for line in lines)
    floor, by_shape = (line for line in lines if line.startswith('CTRGCN, fp32: '))
    assert 3 < float(floor.split()[2]) < 4  # 1.7 G multiply-accumulates, forward and backward
    products, rest = re.findall(r'([\d.]+) ms', by_shape)
    assert 0 < float(products) + float(rest) < float(total)


def test_no_clone_is_no_traceback(repo: Path, tmp_path: Path) -> None:
    done = benchmark(repo, '--reference', str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith('error: ')
