"""One of several visits to an item within an epoch."""


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
