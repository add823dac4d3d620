"""Persons of successive frames in places that they keep."""

import numpy as np
from scipy.optimize import linear_sum_assignment

MAX_PERSONS = 16
"""Persons that are followed at a time; of more the surest detections are taken."""


class PersonTracker:
    """Give every person of a frame the place that the same person had before.

    Persons are matched with the last known skeletons of the places so that the sum of their
    mean joint distances is smallest (Kuhn, 1955). A match is refused where that distance
    exceeds the person's own size, or no joint is finite; whoever is left over takes
    a free place, or that of whoever has been away longest. Memory does not grow.
    """

    def __init__(self, num_slots: int, max_gap: int = 30) -> None:
        if num_slots < 1:
            raise ValueError(f'num_slots must be positive, got {num_slots}')
        self.max_gap = max_gap
        self._last: list[np.ndarray | None] = [None] * num_slots
        self._away = np.zeros(num_slots, np.int64)
        self._numbers = [-1] * num_slots
        self._next = 0

    def update(self, persons: np.ndarray) -> np.ndarray:
        """Return the place of each person (N, V, C) of the next frame, -1 for those without.

        The best come first: of more than there are places the first are kept.
        """
        self._away += 1
        for slot in np.flatnonzero(self._away > self.max_gap).tolist():
            self._last[slot] = None
        persons = np.asarray(persons)[: len(self._last)]
        places = np.full(len(persons), -1, np.int64)
        self._match(persons, places)
        for i in np.flatnonzero(places < 0).tolist():
            places[i] = self._free_slot(places)
            self._numbers[places[i]], self._next = self._next, self._next + 1
        for person, slot in zip(persons, places.tolist(), strict=True):
            self._last[slot], self._away[slot] = person, 0
        return places

    def identify(self, persons: np.ndarray) -> list[int]:
        """Return the number of each person of the next frame, which nobody else ever gets.

        As :meth:`update`; whoever takes a free place is new and gets the next number.
        """
        places = self.update(persons).tolist()
        return [self._numbers[place] for place in places] + [-1] * (len(persons) - len(places))

    def _match(self, persons: np.ndarray, places: np.ndarray) -> None:
        known = [slot for slot, last in enumerate(self._last) if last is not None]
        if not known or not len(persons):
            return
        last = np.stack([person for person in self._last if person is not None])
        # (N, 1, V, C) - (1, S, V, C) -> (N, S)
        with np.errstate(invalid='ignore', over='ignore'):  # infinite joints: unknown, see below
            steps = np.linalg.norm(persons[:, None] - last[None], axis=-1)
        known_steps = np.isfinite(steps)
        count = known_steps.sum(axis=-1)
        distance = np.where(known_steps, steps, 0).sum(axis=-1) / np.maximum(count, 1)
        finite = np.isfinite(persons)
        high = persons.max(axis=1, initial=-np.inf, where=finite)
        low = persons.min(axis=1, initial=np.inf, where=finite)
        with np.errstate(over='ignore'):
            size = np.linalg.norm(np.maximum(high - low, 0), axis=-1)  # (N,)
        far = (distance > size[:, None]) | (count == 0)
        rows, columns = linear_sum_assignment(np.where(far, 1e6 + distance, distance))
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
            if not far[row, column]:
                places[row] = known[column]

    def _free_slot(self, taken: np.ndarray) -> int:
        absence = [
            -1 if slot in taken else self._away[slot] + (10**9 if last is None else 0)
            for slot, last in enumerate(self._last)
        ]
        return int(np.argmax(absence))
