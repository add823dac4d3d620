"""Which persons of a clip count, and what stands where there is none."""

import re
from typing import Literal

import numpy as np

PersonLimit = int | Literal['ntu'] | None

# NTU RGB+D: A50-A60 and A106-A120 are interactions of two.
_NTU_CLASS = re.compile(r'S\d{3}C\d{3}P\d{3}R\d{3}A(\d{3})')
_NTU_PAIRS = (*range(50, 61), *range(106, 121))


def check_person_limit(max_persons: PersonLimit) -> None:
    """Raise a ValueError for what :func:`person_limit` does not know."""
    counts = isinstance(max_persons, int) and not isinstance(max_persons, bool)
    if not (max_persons in (None, 'ntu') or (counts and int(max_persons) > 0)):
        raise ValueError(f"max_persons must be None, 'ntu' or at least 1, got {max_persons!r}")


def person_limit(max_persons: PersonLimit, name: str) -> int | None:
    """Tell how many persons of a sample count; None for all.

    ``'ntu'`` goes by the sample's name: two for the classes that are interactions, else one.

    Raises:
        ValueError: With ``'ntu'`` if the name is not one of NTU RGB+D.
    """
    if max_persons != 'ntu':
        return max_persons
    match = _NTU_CLASS.fullmatch(name)
    if match is None:
        raise ValueError(f"max_persons='ntu' needs names of NTU RGB+D, got {name!r}")
    return 2 if int(match[1]) in _NTU_PAIRS else 1


def motion_energy(joints: np.ndarray) -> np.ndarray:
    """Measure how much each person of ``joints`` (M, T, V, 3), in metres, moves: (M,).

    For each pair of neighbouring frames the squared step of the joints that are in both (neither
    exactly zero nor infinite), averaged over the V joints, and summed over the pairs.
    """
    present = np.isfinite(joints).all(-1) & joints.any(-1)
    step = np.diff(np.where(present[..., None], joints, 0).astype(np.float64), axis=1)
    both = present[:, 1:] & present[:, :-1]
    squared = np.where(both, (step**2).sum(-1), 0)  # (M, T - 1, V)
    return squared.mean(axis=2).sum(axis=1)


def most_active(joints: np.ndarray, limit: int | None) -> np.ndarray:
    """Number the persons with the largest :func:`motion_energy`, ascending; of equals the first."""
    order = np.argsort(-motion_energy(joints), kind='stable')
    return np.sort(order[:limit])


def detected_box(
    detections: np.ndarray, size: tuple[int, int], limit: int | None
) -> np.ndarray | None:
    """Join detected persons (K, 5), x1, y1, x2, y2, score, to one box (4,); None without any.

    One frame does not tell who moves: of several persons those with the largest product of area
    and score are taken, which are near and surely seen. Boxes are clipped to ``size``.
    """
    boxes, scores = detections[:, :4].astype(np.float64), detections[:, 4]
    boxes = np.clip(boxes, 0, np.array([*size, *size]))
    sides = boxes[:, 2:] - boxes[:, :2]
    sound = np.isfinite(detections).all(1) & (sides > 0).all(1)
    boxes, weights = boxes[sound], (sides.prod(1) * scores)[sound]
    if not len(boxes):
        return None
    boxes = boxes[np.argsort(-weights, kind='stable')[:limit]]
    return np.concatenate([boxes[:, :2].min(0), boxes[:, 2:].max(0)])


def fill_missing(
    boxes: np.ndarray, found: np.ndarray, size: tuple[int, int], fallback: str
) -> np.ndarray:
    """Put a box into the frames without a person: boxes (T, 4), ``found`` (T,).

    ``'frame'`` takes the whole frame; ``'nearest'`` the box of the nearest frame with a person,
    the earlier of two, and the whole frame if there is none.
    """
    filled = boxes.copy()
    filled[~found] = (0, 0, *size)
    with_person, without = np.flatnonzero(found), np.flatnonzero(~found)
    if fallback == 'nearest' and len(with_person):
        nearest = np.abs(without[:, None] - with_person).argmin(axis=1)
        filled[without] = boxes[with_person[nearest]]
    return filled
