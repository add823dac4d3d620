"""A training keeps freed memory: the system need not hand out and clear it again."""

import os
import platform
import subprocess
import sys

import pytest

SCRIPT = """
import resource, sys, torch
from mmcl_ext.parallel.kept_memory import keep_freed_memory

kept = 'keep' in sys.argv and keep_freed_memory()

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        torch.ones(2**24)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults()
print(kept, faults())
"""
PAGES = 20 * 2**26 // 4096


def run(*args: str, **environment: str) -> tuple[str, int]:
    """Whether memory is kept, and how many pages equal blocks take anew after the first twenty."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(('MALLOC_', 'GLIBC_'))}
    done = subprocess.run(
        [sys.executable, '-c', SCRIPT, *args],
        capture_output=True,
        text=True,
        check=True,
        env=clean | environment,
    )
    kept, pages = done.stdout.split()
    return kept, int(pages)


@pytest.mark.skipif(platform.libc_ver()[0] != 'glibc', reason='needs glibc')
def test_freed_blocks_are_used_again() -> None:
    kept, pages = run('keep')
    assert kept == 'True'
    assert pages < PAGES / 50


@pytest.mark.skipif(platform.libc_ver()[0] != 'glibc', reason='needs glibc')
def test_settings_of_the_environment_stay() -> None:
    kept, _ = run('keep', MALLOC_TRIM_THRESHOLD_='131072')
    assert kept == 'False'


def test_without_it_nothing_changes() -> None:
    assert run()[0] == 'False'
