from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.optim import OptimWrapper
from torch import nn

from mmcl_ext.registry import OPTIM_WRAPPERS


@OPTIM_WRAPPERS.register_module()
class CPUAmpOptimWrapper(OptimWrapper):
    """Forward pass under CPU autocast to bfloat16; weights and gradients stay float32.

    MMEngine's ``AmpOptimWrapper`` refuses a CPU. bfloat16 has the range of float32, so no loss
    is scaled. It pays on processors with bfloat16 instructions (AVX-512 BF16, AMX) and is slower
    than float32 on others.
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Enable autocast around the forward pass of a training step."""
        with super().optim_context(model), torch.autocast('cpu', dtype=torch.bfloat16):
            yield
