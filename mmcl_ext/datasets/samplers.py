"""Samplers: which items an epoch visits, and in which order."""

from abc import abstractmethod
from collections.abc import Iterator, Sized
from typing import Any

import numpy as np
import torch
from mmengine.dataset import ConcatDataset, RepeatDataset
from mmengine.dist import get_dist_info, sync_random_seed
from torch.utils.data import Sampler

from mmcl_ext.fileio.printable import counted
from mmcl_ext.registry import DATA_SAMPLERS


class Visit(int):
    """Index of an item that knows how often the epoch has visited it before (``repetition``).

    A plain index to every data set; ``SkeletonDataset`` draws different augmentation for
    the visits of one epoch. Arithmetic gives plain integers, so a wrapper that shifts
    indices (``ConcatDataset``) loses the number of the visit.
    """

    repetition: int = 0

    def __new__(cls, index: int, repetition: int = 0) -> 'Visit':  # noqa: D102
        visit = super().__new__(cls, index)
        visit.repetition = repetition
        return visit

    def __reduce__(self) -> tuple:
        return Visit, (int(self), self.repetition)


class EpochSampler(Sampler[int]):
    """Split the visits of an epoch among the ranks.

    Every rank draws the whole epoch from (seed, epoch) and takes each world-size-th
    visit of it, so that ranks agree without talking.

    Args:
        shuffle: Visit the items in random order.
        seed: Seed of the epochs; None draws one that all ranks share.
        round_up: Repeat visits from the front until all ranks have as many.
    """

    def __init__(
        self, dataset: Sized, shuffle: bool = True, seed: int | None = None, round_up: bool = True
    ) -> None:
        self.dataset = dataset
        self.shuffle = shuffle
        self.round_up = round_up
        self.seed = sync_random_seed() if seed is None else seed
        self.rank, self.world_size = get_dist_info()
        self.epoch = 0

    @property
    @abstractmethod
    def epoch_size(self) -> int:
        """Visits of one epoch, of all ranks together."""

    @abstractmethod
    def visits(self, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Draw the items of an epoch and their earlier visits in it: int64, (epoch_size,) both."""

    def __iter__(self) -> Iterator[Visit]:
        generator = torch.Generator()
        generator.manual_seed(self.seed + self.epoch)
        items, repetitions = self.visits(generator)
        order = torch.arange(self.rank, self._padded_size, self.world_size) % self.epoch_size
        pairs = zip(items[order].tolist(), repetitions[order].tolist(), strict=True)
        return (Visit(item, repetition) for item, repetition in pairs)

    def __len__(self) -> int:
        return len(range(self.rank, self._padded_size, self.world_size))

    @property
    def _padded_size(self) -> int:
        padding = -self.epoch_size % self.world_size if self.round_up else 0
        return self.epoch_size + padding

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch that the next iteration draws."""
        self.epoch = epoch


@DATA_SAMPLERS.register_module()
class RepeatSampler(EpochSampler):
    """Visit every item several times per epoch, each time with augmentation of its own.

    CTR-GCN repeats NW-UCLA five ``times`` per epoch so, PYSKL every data set. With ``shuffle`` the
    visits of all passes are mixed; for the options see :class:`EpochSampler`. A ValueError if
    ``times`` is not a positive integer.
    """

    def __init__(self, dataset: Sized, times: int = 5, **options: Any) -> None:
        if not isinstance(times, int) or times < 1:
            raise ValueError(f'times must be a positive integer, got {times!r}')
        super().__init__(dataset, **options)
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


@DATA_SAMPLERS.register_module()
class ClassBalancedSampler(EpochSampler):
    """Visit classes in chosen proportions, and the items of a class evenly.

    A class of n items gets a share of the epoch that is proportional to n^(1 - balance). Within a
    class, items are visited in random order, all once before any twice: visits of two items of a
    class differ by one at most, and an item left out in one epoch has the same chance as any other
    in the next. A ValueError if an argument is out of range, or the data set does not tell its
    labels.

    Args:
        dataset: The data set; it, or what it concatenates or repeats, has ``labels``.
        balance: From 0 (classes as they come) to 1 (all classes alike); 0.5 weighs them
            by the square root of their size.
        epoch_size: Visits of one epoch, of all ranks together; None for as many as items.
        options: See :class:`EpochSampler`; without ``shuffle`` one class follows the other.
    """

    def __init__(
        self, dataset: Any, balance: float = 1.0, epoch_size: int | None = None, **options: Any
    ) -> None:
        if not 0 <= balance <= 1:
            raise ValueError(f'balance must lie in [0, 1], got {balance}')
        if epoch_size is not None and epoch_size < 1:
            raise ValueError(f'epoch_size must be positive, got {epoch_size}')
        super().__init__(dataset, **options)
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
    """Return the class of every item, int64, also through a concatenation or a repetition."""
    if isinstance(dataset, ConcatDataset):
        labels = np.concatenate([item_labels(part) for part in dataset.datasets])
    elif isinstance(dataset, RepeatDataset):
        labels = np.tile(item_labels(dataset.dataset), dataset.times)
    else:
        labels = np.asarray(getattr(dataset, 'labels', ()), np.int64)
    if len(labels) != len(dataset):
        raise ValueError(
            f'{type(dataset).__name__} of {counted(len(dataset), "item")} tells the labels of '
            f"{len(labels)}; class balancing needs an attribute 'labels' with all of them"
        )
    return labels
