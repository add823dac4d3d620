"""Where and with what a number was measured."""

import os
import platform
import subprocess
from pathlib import Path

import torch

from mmcl_ext.fileio.printable import counted
from mmcl_ext.version import __version__


def describe_environment(root: str | os.PathLike) -> dict[str, str]:
    """Tell ``commit``, ``hardware`` and the versions ``torch`` and ``python``.

    The commit is that of the tree of ``root`` (with ``+`` where files that git knows differ),
    or the package's version without a repository.
    """
    return dict(
        commit=_commit(root),
        hardware=_hardware(),
        torch=torch.__version__,
        python=platform.python_version(),
    )


def _commit(root: str | os.PathLike) -> str:
    commit = _git(root, 'rev-parse', '--short=10', 'HEAD')
    if not commit:
        return f'version {__version__}'
    changed = _git(root, 'status', '--porcelain', '--untracked-files=no', '--', '.')
    return commit + '+' * bool(changed)


def _git(root: str | os.PathLike, *arguments: str) -> str:
    command = ['git', '-C', str(root), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ''
    return done.stdout.strip()


def _hardware() -> str:
    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
        return ', '.join(f'{names.count(name)} x {name}' for name in dict.fromkeys(names))
    return f'CPU, {os.cpu_count()} x {_cpu_name()}'


def _cpu_name() -> str:
    try:
        lines = Path('/proc/cpuinfo').read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(':')[2].strip() for line in lines if line.startswith('model name')]
    return names[0] if names else platform.processor() or platform.machine()


def job_environments(jobs: int, processes: int = 1) -> list[dict[str, str]]:
    """Share a machine among runs at the same time: the variables of each of the jobs.

    Each run gets GPUs of its own where there are any, one for each of its processes (a ValueError
    if they are not enough), and its part of the processor's threads; variables that are set already
    are left alone.
    """
    if jobs == 1:
        return [{}]
    threads = max((os.cpu_count() or 1) // (jobs * processes), 1)
    shared = {} if 'OMP_NUM_THREADS' in os.environ else {'OMP_NUM_THREADS': str(threads)}
    visible = os.environ.get('CUDA_VISIBLE_DEVICES')
    names = list(map(str, range(torch.cuda.device_count()))) if visible is None else None
    gpus = (visible or '').split(',') if names is None else names
    if not torch.cuda.is_available() or len(gpus) == 1:
        return [shared] * jobs
    if len(gpus) < jobs * processes:
        raise ValueError(
            f'--jobs {jobs} with {counted(processes, "process", "processes")} each takes more than '
            f'the {counted(len(gpus), "GPU")} here'
        )
    shares = [gpus[i * processes : (i + 1) * processes] for i in range(jobs)]
    return [shared | {'CUDA_VISIBLE_DEVICES': ','.join(share)} for share in shares]
