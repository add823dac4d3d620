"""Count identity switches of person trackers: ``person_tracking.py [--store STORE]``.

Two or three people of a data set walk through a picture; who is who is known. The detections of
each frame come in random order, with a pixel of noise. Compared are the package's tracker, as
it runs on streams (a gap of 30 frames) and on recorded clips (any gap), and one that follows the
nearest body, person by person and without forgetting. Needs
three-dimensional skeletons in metres; without a store those of the demo are taken.
"""

import argparse
from collections.abc import Callable, Sequence

import numpy as np

from mmcl_ext.datasets.converters.person_tracker import PersonTracker
from mmcl_ext.datasets.store import SkeletonStore
from mmcl_ext.preparation.videos.camera import CAMERAS
from mmcl_ext.synthetic.synthetic_data import SyntheticData

FRAMES = 120
Track = Callable[[np.ndarray], Sequence[int]]


class NearestBody:
    """Give each body, in turn, the nearest track that is no farther than the body is large."""

    def __init__(self) -> None:
        self.last: list[np.ndarray] = []

    def __call__(self, persons: np.ndarray) -> list[int]:
        """Number the persons (N, V, 2) of the next frame."""
        free, places = dict(enumerate(self.last)), []
        for person in persons:
            distances = {
                i: np.linalg.norm(last - person, axis=1).mean() for i, last in free.items()
            }
            place = min(distances, key=distances.__getitem__, default=None)
            if place is None or distances[place] > np.ptp(person, axis=0).max():
                place = len(self.last)
                self.last.append(person)
            free.pop(place, None)
            self.last[place] = person
            places.append(place)
        return places


def walk(clip: np.ndarray, begin: float, end: float, depth: float) -> np.ndarray:
    """Move a clip (T, V, 3) from one place to another; pixels (FRAMES, V, 2)."""
    index = np.abs((np.arange(FRAMES) + len(clip) - 1) % (2 * len(clip) - 2) - len(clip) + 1)
    joints = clip[index].astype(np.float64)  # forwards, backwards, forwards ...
    joints -= joints[:1].mean(axis=1, keepdims=True)
    joints[..., 0] += np.linspace(begin, end, FRAMES)[:, None]
    joints[..., 2] += depth
    return CAMERAS['utdmhad_rgb'].project(joints)


def scenes(clips: Sequence[np.ndarray]) -> dict[str, tuple[list[np.ndarray], np.ndarray]]:
    """Make persons (FRAMES, V, 2) and whether each is seen (M, FRAMES) by kind of scene."""
    a, b, c = clips
    seen = np.ones((2, FRAMES), bool)
    apart = [walk(a, -0.8, -0.6, 3), walk(b, 0.8, 0.6, 3)]
    crossing = [walk(a, -1, 1, 3), walk(b, 1, -1, 3.3)]
    away, long_away, hidden = seen.copy(), seen.copy(), seen.copy()
    away[1, 50:70], long_away[1, 40:90], hidden[1, 55:65] = False, False, False
    three = [*crossing, walk(c, 0.2, -0.2, 3.6)]
    return {
        'apart': (apart, seen),
        'side by side': ([walk(a, -0.25, -0.2, 3), walk(b, 0.25, 0.2, 3)], seen),
        'crossing': (crossing, seen),
        'crossing, one hidden': (crossing, hidden),
        'away for 20 frames': (apart, away),
        'away for 50 frames': (apart, long_away),
        'three, crossing': (three, np.ones((3, FRAMES), bool)),
    }


def switches(
    track: Track, persons: Sequence[np.ndarray], seen: np.ndarray, generator: np.random.Generator
) -> int:
    """Count how often a person gets another number than the last time."""
    last: dict[int, int] = {}
    count = 0
    lost = generator.random(FRAMES) < 0.05  # frames in which the detector found nobody
    for t in range(FRAMES):
        there = [] if lost[t] else generator.permutation(np.flatnonzero(seen[:, t])).tolist()
        bodies = np.array([persons[m][t] for m in there]).reshape(-1, *persons[0].shape[1:])
        places = track(bodies + generator.normal(size=bodies.shape))
        for person, place in zip(there, places, strict=True):
            count += last.get(person, place) != place
            last[person] = int(place)
    return count


def load_clips(path: str | None, generator: np.random.Generator) -> list[np.ndarray]:
    if path is None:
        data = SyntheticData(train_subjects=3, test_subjects=1, repetitions=1)
        names = [name for names in data.splits.values() for name in names]
        return [data.scene(name).joints for name in generator.permutation(names)[:3].tolist()]
    store = SkeletonStore(path)
    return [store.keypoint(i)[0] for i in generator.choice(len(store), 3, replace=False).tolist()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--store', help='annotation store in metres, such as that of UTD-MHAD')
    parser.add_argument('--rounds', type=int, default=100, help='scenes of each kind')
    args = parser.parse_args()
    makers: dict[str, Callable[[], Track]] = {
        'nearest body': NearestBody,
        'gap of 30': lambda: PersonTracker(16, max_gap=30).update,
        'any gap': lambda: PersonTracker(16, max_gap=FRAMES).update,
    }
    totals: dict[str, dict[str, int]] = {}
    for seed in range(args.rounds):
        clips = load_clips(args.store, np.random.default_rng(seed))
        for kind, (persons, seen) in scenes(clips).items():
            row = totals.setdefault(kind, dict.fromkeys(makers, 0))
            for name, make in makers.items():
                row[name] += switches(make(), persons, seen, np.random.default_rng(seed))
    print(
        f'{"switches in " + str(args.rounds) + " scenes":28}' + ''.join(f'{n:>15}' for n in makers)
    )
    for kind, row in totals.items():
        print(f'{kind:28}' + ''.join(f'{count:15}' for count in row.values()))


if __name__ == '__main__':
    main()
