"""What the processor can do."""

import time
from pathlib import Path

import torch

_FLAGS = dict(avx2='avx2', avx512f='avx512', avx512_bf16='avx512_bf16', amx_bf16='amx', bf16='bf16')
_BFLOAT16 = {'avx512_bf16', 'amx', 'bf16'}


def cpu_instructions(cpuinfo: str = '/proc/cpuinfo') -> list[str]:
    """List the instruction sets that matter to training; none where the system does not tell."""
    path = Path(cpuinfo)
    words = set(path.read_text().split()) if path.is_file() else set()
    return [name for flag, name in _FLAGS.items() if flag in words]


def has_bfloat16() -> bool:
    """Whether the processor computes in bfloat16 without emulation."""
    return not _BFLOAT16.isdisjoint(cpu_instructions())


def has_slow_mkl(cpuinfo: str = '/proc/cpuinfo') -> bool:
    """Whether float32 products of PyTorch's MKL leave AVX-512 unused: it does so on AMD."""
    path = Path(cpuinfo)
    text = path.read_text() if path.is_file() else ''
    return 'AuthenticAMD' in text and 'avx512' in cpu_instructions(cpuinfo)


def bfloat16_factor(size: int = 256, rounds: int = 5) -> float:
    """Measure how many times as long a matrix product takes in bfloat16 as in float32."""
    best = []
    for dtype in (torch.bfloat16, torch.float32):
        x = torch.ones(size, size, dtype=dtype)
        times = []
        for _ in range(rounds):
            start = time.perf_counter()
            x @ x
            times.append(time.perf_counter() - start)
        best.append(min(times))
    return best[0] / best[1]
