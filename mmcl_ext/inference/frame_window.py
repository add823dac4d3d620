import numpy as np


class FrameWindow:
    """The last frames of a stream in memory that does not grow.

    Args:
        size: Frames kept.
        num_slots: Persons kept.

    Raises:
        ValueError: A number is not positive.
    """

    def __init__(self, size: int, num_slots: int) -> None:
        if size < 1 or num_slots < 1:
            raise ValueError(f'size {size} and num_slots {num_slots} must be positive')
        self.size = size
        self.num_slots = num_slots
        self.count = 0
        self._frames: np.ndarray | None = None

    def push(self, values: np.ndarray, places: np.ndarray) -> None:
        """Add a frame; it takes the place of the oldest one when there are ``size``.

        Args:
            values: (N, ...) float32, one row per person; all frames have one shape from the
                second axis on.
            places: (N,) the slot of each, -1 for those to leave out.

        Raises:
            ValueError: The shape is not that of the frames before.
        """
        if self._frames is None:
            if not len(values):  # nobody yet: joints and coordinates are unknown
                self.count += 1
                return
            self._frames = np.zeros((self.size, self.num_slots, *values.shape[1:]), np.float32)
        kept = np.flatnonzero(places >= 0)
        if len(kept) and values.shape[1:] != self._frames.shape[2:]:
            raise ValueError(
                f'frame {self.count} has joints {values.shape[1:]}, those before it '
                f'{self._frames.shape[2:]}'
            )
        row = self._frames[self.count % self.size]
        row[:] = 0
        row[places[kept]] = values[kept]
        self.count += 1

    def clip(self) -> np.ndarray | None:
        """Return the frames in their order, (num_slots, T, ...); None if nobody was seen.

        T is the number of frames so far, at most ``size``.
        """
        if self._frames is None:
            return None
        last = np.arange(max(self.count - self.size, 0), self.count) % self.size
        return np.ascontiguousarray(self._frames[last].swapaxes(0, 1))

    def clear(self) -> None:
        """Forget everything."""
        self.count, self._frames = 0, None
