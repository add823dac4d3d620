"""Epochs in which rare classes occur as often as frequent ones."""

from typing import Any

import numpy as np
import torch
from mmengine.dataset import ConcatDataset, RepeatDataset

from mmcl_ext.datasets.samplers.epoch_sampler import EpochSampler
from mmcl_ext.registry import DATA_SAMPLERS


@DATA_SAMPLERS.register_module()
class ClassBalancedSampler(EpochSampler):
    """Visit classes in chosen proportions, and the items of a class evenly.

    A class of n items gets a share of the epoch that is proportional to n^(1 - balance).
    Within a class, items are visited in random order, all once before any twice: visits
    of two items of a class differ by one at most, and an item left out in one
    epoch has the same chance as any other in the next.

    Args:
        dataset: The data set; it, or what it concatenates or repeats, has ``labels``.
        balance: From 0 (classes as they come) to 1 (all classes alike); 0.5 weighs them
            by the square root of their size.
        epoch_size: Visits of one epoch, of all ranks together; None for as many as items.
        seed: See :class:`EpochSampler`, as ``round_up``.
        shuffle: Mix the classes; without, one class follows the other.

    Raises:
        ValueError: An argument is out of range, or the data set does not tell its labels.
    """

    def __init__(
        self,
        dataset: Any,
        balance: float = 1.0,
        epoch_size: int | None = None,
        seed: int | None = None,
        round_up: bool = True,
        shuffle: bool = True,
    ) -> None:
        if not 0 <= balance <= 1:
            raise ValueError(f'balance must lie in [0, 1], got {balance}')
        if epoch_size is not None and epoch_size < 1:
            raise ValueError(f'epoch_size must be positive, got {epoch_size}')
        super().__init__(dataset, shuffle=shuffle, seed=seed, round_up=round_up)
        self.balance = balance
        labels = torch.from_numpy(item_labels(dataset))
        self._epoch_size = epoch_size or len(labels)
        self._members = [torch.nonzero(labels == label)[:, 0] for label in labels.unique()]

    @property
    def epoch_size(self) -> int:
        """Visits of one epoch, of all ranks together."""
        return self._epoch_size

    def visits(self, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Draw an epoch."""
        quotas = self._quotas(generator).tolist()
        drawn = [
            _draw(members, quota, generator)
            for members, quota in zip(self._members, quotas, strict=True)
        ]
        items, repetitions = (torch.cat(parts) for parts in zip(*drawn, strict=True))
        if self.shuffle:
            order = torch.randperm(len(items), generator=generator)
            items, repetitions = items[order], repetitions[order]
        return items, repetitions

    def _quotas(self, generator: torch.Generator) -> torch.Tensor:
        """Divide the epoch among the classes; who gets what is left over is drawn by lot."""
        sizes = torch.tensor([len(members) for members in self._members], dtype=torch.float64)
        shares = sizes ** (1 - self.balance)
        shares = self.epoch_size * shares / shares.sum()
        quotas = (shares + 1e-9).floor().long()  # a whole share may come out a hair below itself
        left = self.epoch_size - int(quotas.sum())
        if left:
            rest = (shares - quotas).clamp(min=1e-12)
            quotas[torch.multinomial(rest, left, generator=generator)] += 1
        return quotas


def _draw(
    members: torch.Tensor, quota: int, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Visit the members of a class in random order until the quota is full."""
    passes = -(-quota // len(members))
    orders = [members[torch.randperm(len(members), generator=generator)] for _ in range(passes)]
    repetitions = torch.arange(quota) // len(members)
    return torch.cat([*orders, members[:0]])[:quota], repetitions


def item_labels(dataset: Any) -> np.ndarray:
    """Return the class of every item, int64, also through a concatenation or a repetition.

    Raises:
        ValueError: The data set does not tell the classes of its items.
    """
    if isinstance(dataset, ConcatDataset):
        labels = np.concatenate([item_labels(part) for part in dataset.datasets])
    elif isinstance(dataset, RepeatDataset):
        labels = np.tile(item_labels(dataset.dataset), dataset.times)
    else:
        labels = np.asarray(getattr(dataset, 'labels', ()), np.int64)
    if len(labels) != len(dataset):
        raise ValueError(
            f'{type(dataset).__name__} of {len(dataset)} items tells the labels of {len(labels)}; '
            f"class balancing needs an attribute 'labels' with all of them"
        )
    return labels
