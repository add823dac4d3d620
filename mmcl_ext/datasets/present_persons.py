"""Who of a clip is handed to a network: one rule for training, test and prediction."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from mmcl_ext.datasets.transforms.geometry import real_frames


def choose_persons(item: dict[str, Any], limit: int | None = None) -> dict[str, Any]:
    """Leave out frames with nobody, persons who never appear, and persons beyond a limit.

    The order of the others stays, unless they are more than ``limit``: then the most active
    ones are taken, the most active first. An item with nobody in it stays as it is. It has
    ``keypoint`` (M, T, V, C), where it is there ``keypoint_score`` (M, T, V), and gets the
    ``total_frames`` and ``num_person`` of what is left.
    """
    keypoint = item['keypoint']
    real = real_frames(keypoint)  # (M, T)
    persons, frames = np.flatnonzero(real.any(axis=1)), np.flatnonzero(real.any(axis=0))
    if limit is not None and len(persons) > limit:
        persons = persons[np.argsort(-activity(keypoint[persons]), kind='stable')[:limit]]
        frames = np.flatnonzero(real[persons].any(axis=0))
    if not len(persons) or real.shape == (len(persons), len(frames)):
        return item
    kept = {
        key: item[key][persons][:, frames] for key in ('keypoint', 'keypoint_score') if key in item
    }
    return item | kept | dict(total_frames=len(frames), num_person=len(persons))


def person_limit(transforms: Iterable[Any]) -> int | None:
    """Return how many persons the last transform that has ``num_person`` keeps, None for all."""
    limits = [getattr(transform, 'num_person', None) for transform in transforms]
    return next((limit for limit in reversed(limits) if isinstance(limit, int)), None)


def activity(keypoint: np.ndarray) -> np.ndarray:
    """Measure how much every person of (M, T, V, C) moves: (M,) squared units of the coordinates.

    The squared distance of a joint from its own mean position, summed over the frames in which
    the person is there and averaged over the joints: neither a large body nor a short
    appearance counts as movement.
    """
    scores = np.zeros(len(keypoint))
    for m, (person, there) in enumerate(zip(keypoint, real_frames(keypoint), strict=True)):
        if there.any():
            body = person[there].astype(np.float64)  # (T', V, C)
            scores[m] = ((body - body.mean(axis=0)) ** 2).sum(axis=(0, 2)).mean()
    return scores
