"""What the samplers share: epochs, ranks and random numbers."""

from abc import abstractmethod
from collections.abc import Iterator, Sized

import torch
from mmengine.dist import get_dist_info, sync_random_seed
from torch.utils.data import Sampler


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
        dataset: The data set.
        shuffle: Visit the items in random order.
        seed: Seed of the epochs; None draws one that all ranks share.
        round_up: Repeat visits from the front until all ranks have as many.
    """

    def __init__(self, dataset: Sized, *, shuffle: bool, seed: int | None, round_up: bool) -> None:
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
