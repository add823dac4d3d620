"""Gaps and jitter of joints over time."""

from itertools import pairwise

import numpy as np
from scipy.signal import savgol_filter


def runs(present: np.ndarray) -> list[tuple[int, int]]:
    """Find the stretches [start, end) of frames in which ``present`` (T,) is True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], present.astype(np.int8), [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def fill_gaps(values: np.ndarray, present: np.ndarray, longest: int) -> np.ndarray:
    """Interpolate the frames between two stretches of a person, where at most ``longest`` lack.

    The ``values`` (T, ...) of one person are changed in place. Returns where the person is now, a
    bool (T,) like ``present``.
    """
    filled = present.copy()
    for (_, end), (start, _) in pairwise(runs(present)):
        if start - end <= longest:
            share = np.arange(1, start - end + 1) / (start - end + 1)
            share = share.reshape(-1, *[1] * (values.ndim - 1))
            values[end:start] = (1 - share) * values[end - 1] + share * values[start]
            filled[end:start] = True
    return filled


def smooth(values: np.ndarray, present: np.ndarray, window: int, order: int = 2) -> None:
    """Smooth each stretch of a person in place (Savitzky and Golay, 1964).

    A polynomial of a degree (``order``) is fitted to ``window`` frames, made odd, of ``values``
    (T, ...). A stretch of no more frames than the order stays as it is.
    """
    for start, end in runs(present):
        length = min(window, end - start)
        length -= 1 - length % 2
        if length > order:
            values[start:end] = savgol_filter(values[start:end], length, order, axis=0)
