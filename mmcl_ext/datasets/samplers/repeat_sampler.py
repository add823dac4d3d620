"""Several passes over a data set within one epoch."""

from collections.abc import Sized

import torch

from mmcl_ext.datasets.samplers.epoch_sampler import EpochSampler
from mmcl_ext.registry import DATA_SAMPLERS


@DATA_SAMPLERS.register_module()
class RepeatSampler(EpochSampler):
    """Visit every item several times per epoch, each time with augmentation of its own.

    CTR-GCN repeats NW-UCLA five times per epoch so, PYSKL every data set. With ``shuffle``
    the visits of all passes are mixed.

    Args:
        dataset: See :class:`EpochSampler`, as ``shuffle``, ``seed`` and ``round_up``.
        times: Visits per item and epoch.

    Raises:
        ValueError: ``times`` is not a positive integer.
    """

    def __init__(
        self,
        dataset: Sized,
        times: int = 5,
        shuffle: bool = True,
        seed: int | None = None,
        round_up: bool = True,
    ) -> None:
        if not isinstance(times, int) or times < 1:
            raise ValueError(f'times must be a positive integer, got {times!r}')
        super().__init__(dataset, shuffle=shuffle, seed=seed, round_up=round_up)
        self.times = times

    @property
    def epoch_size(self) -> int:
        """Visits of one epoch, of all ranks together."""
        return self.times * len(self.dataset)

    def visits(self, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Draw an epoch."""
        size = self.epoch_size
        order = torch.randperm(size, generator=generator) if self.shuffle else torch.arange(size)
        return order % len(self.dataset), order // len(self.dataset)
