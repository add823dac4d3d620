"""Deterministic weights and inputs that depend on no random generator."""

import zlib
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

NTU = dict(type='SkeletonGraph', layout='nturgb+d-ctrgcn', mode='spatial')


def wave(*shape: int, phase: float = 0.0, dtype: torch.dtype = torch.float64) -> Tensor:
    """Numbers between -1 and 1 without a period that fits any shape."""
    count = int(torch.tensor(shape).prod()) if shape else 1
    return torch.sin(torch.arange(count, dtype=dtype) * 0.7393 + phase).view(shape)


@torch.no_grad()
def fill(module: nn.Module) -> nn.Module:
    """Give every parameter and buffer a value that depends on its name and shape only."""
    for name, tensor in module.state_dict().items():
        if not tensor.is_floating_point():
            continue
        values = wave(*tensor.shape, phase=zlib.crc32(name.encode()) % 1000)
        fan_in = max(1, tensor[0].numel() if tensor.ndim > 1 else 1)
        scale = fan_in**-0.5 if tensor.ndim > 1 else 0.1
        offset = 1.0 if name.endswith(('bn.weight', 'norm.weight')) else 0.0
        if name.endswith('running_var'):
            values, offset = values.abs(), 1.0
        tensor.copy_(offset + scale * values)
    return module.double()


def fixture(shared: Path, name: str) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Load a reference file: official state dictionary, and the other tensors."""
    tensors = load_file(shared / 'parity' / f'{name}.safetensors')
    prefix = 'state_dict.'
    state = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
    return state, {k: v for k, v in tensors.items() if not k.startswith(prefix)}


def ours(official: Tensor) -> dict[str, Tensor]:
    """Turn the official layout (N, C, T, V, M) into inputs (N, 1, M, T, V, C)."""
    return dict(keypoint=official.permute(0, 4, 2, 3, 1).unsqueeze(1))


def relative_error(output: Tensor, reference: Tensor) -> float:
    """Largest difference relative to the largest reference value."""
    return float((output - reference).detach().abs().max() / reference.abs().max())
