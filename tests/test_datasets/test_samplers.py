import pickle
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mmengine.dataset import ConcatDataset
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from mmcl_ext.datasets import (
    ClassBalancedSampler,
    RepeatDataset,
    RepeatSampler,
    SkeletonDataset,
    samplers,
)
from mmcl_ext.datasets.samplers import Visit, item_labels


class Labelled:
    """Items of classes of the given sizes, one class after the other."""

    def __init__(self, *sizes: int) -> None:
        self.labels = np.repeat(np.arange(len(sizes)), sizes)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[int, int]:
        return int(index), getattr(index, 'repetition', -1)


def _classes(dataset: Labelled, visits: list[int]) -> list[int]:
    return np.bincount(dataset.labels[visits], minlength=dataset.labels.max() + 1).tolist()


@pytest.mark.parametrize(
    ('balance', 'wanted'),
    [(1.0, [40, 40, 40]), (0.0, [100, 16, 4]), (0.5, [75, 30, 15])],
)
def test_classes_get_their_shares(balance: float, wanted: list[int]) -> None:
    """Of 120 visits; square roots of 100, 16 and 4 are as 10 : 4 : 2."""
    dataset = Labelled(100, 16, 4)
    visits = list(ClassBalancedSampler(dataset, balance=balance, seed=0))
    assert _classes(dataset, visits) == wanted


def test_items_of_a_class_take_turns() -> None:
    dataset = Labelled(30, 4)
    counts: Counter[int] = Counter()
    sampler = ClassBalancedSampler(dataset, seed=3)
    for epoch in range(200):
        sampler.set_epoch(epoch)
        visits = list(sampler)
        times = np.bincount(visits, minlength=34)
        assert set(times[:30]) == {0, 1}  # 17 of 30
        assert set(times[30:]) == {4, 5}  # 17 over 4
        assert sorted((v, v.repetition) for v in visits if v >= 30) == [
            (item, repetition) for item in range(30, 34) for repetition in range(times[item])
        ]
        counts.update(visits)
    # Nobody is favoured: 200 epochs, each with 17 of 30.
    often = [counts[item] for item in range(30)]
    assert 85 < min(often) <= np.mean(often) <= max(often) < 142


def test_leftover_visits_are_drawn_by_lot() -> None:
    dataset = Labelled(5, 5, 5)
    sampler = ClassBalancedSampler(dataset, epoch_size=10, seed=0)
    larger = set()
    for epoch in range(30):
        sampler.set_epoch(epoch)
        sizes = _classes(dataset, list(sampler))
        assert sorted(sizes) == [3, 3, 4]
        larger.add(sizes.index(4))
    assert larger == {0, 1, 2}


def test_repeats_visit_everything_each_pass() -> None:
    dataset = Labelled(7)
    visits = list(RepeatSampler(dataset, times=3, seed=0))
    wanted = [(item, repetition) for item in range(7) for repetition in range(3)]
    assert sorted((int(v), v.repetition) for v in visits) == wanted
    assert visits != sorted(visits)
    in_order = list(RepeatSampler(dataset, times=2, shuffle=False))
    assert in_order == [*range(7), *range(7)]
    assert [v.repetition for v in in_order] == [0] * 7 + [1] * 7


@pytest.mark.parametrize('build', [ClassBalancedSampler, RepeatSampler])
def test_epochs_and_seeds(build: Callable[..., Any]) -> None:
    dataset = Labelled(20, 5)

    def epoch(number: int, seed: int = 0) -> list[int]:
        sampler = build(dataset, seed=seed)
        sampler.set_epoch(number)
        return list(sampler)

    assert epoch(1) == epoch(1)
    assert epoch(1) != epoch(2)
    assert epoch(1) != epoch(1, seed=5)


@pytest.mark.parametrize('build', [ClassBalancedSampler, RepeatSampler])
@pytest.mark.parametrize('round_up', [True, False])
def test_ranks_share_an_epoch(
    build: Callable[..., Any], round_up: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = Labelled(8, 3)
    whole = list(build(dataset, seed=4, round_up=False))
    parts = []
    for rank in range(3):
        monkeypatch.setattr(samplers, 'get_dist_info', lambda rank=rank: (rank, 3))
        sampler = build(dataset, seed=4, round_up=round_up)
        parts.append(list(sampler))
        assert len(sampler) == len(parts[-1])
    if round_up:
        size = -(-len(whole) // 3)
        assert {len(part) for part in parts} == {size}
        whole += whole[: 3 * size - len(whole)]
    for rank, part in enumerate(parts):
        assert part == whole[rank::3]


def test_visits_reach_the_workers() -> None:
    dataset = Labelled(6)
    sampler = RepeatSampler(dataset, times=2, seed=0)
    loader = DataLoader(dataset, sampler=sampler, batch_size=None, num_workers=1)
    wanted = [[item, repetition] for item in range(6) for repetition in range(2)]
    assert sorted(loader) == wanted
    visit = pickle.loads(pickle.dumps(Visit(3, 2)))
    assert (visit, visit.repetition, type(visit + 0)) == (3, 2, int)


def test_visits_are_augmented_differently(store_path: Path) -> None:
    dataset = SkeletonDataset(store_path, 'train', [dict(type='RandomScale', scale=0.5)])
    first, second = (dataset[Visit(2, repetition)]['keypoint'] for repetition in (0, 1))
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, dataset[2]['keypoint'])
    repeated = RepeatDataset(dataset, times=2)[2 + len(dataset)]['keypoint']
    np.testing.assert_array_equal(second, repeated)


def test_labels_through_wrappers(store_path: Path) -> None:
    dataset = SkeletonDataset(store_path, 'train')
    twice = RepeatDataset(dataset, times=2)
    assert item_labels(twice).tolist() == 2 * dataset.labels.tolist()
    both = ConcatDataset([dataset, SkeletonDataset(store_path, 'val')])
    assert item_labels(both).tolist() == [both.get_data_info(i)['label'] for i in range(len(both))]


@pytest.mark.parametrize(
    ('build', 'message'),
    [
        (lambda: ClassBalancedSampler(Labelled(3), balance=1.5), 'balance .* 1.5'),
        (lambda: ClassBalancedSampler(Labelled(3), epoch_size=0), 'epoch_size .* 0'),
        (lambda: ClassBalancedSampler([1, 2, 3]), 'list of 3 items tells the labels of 0'),
        (lambda: RepeatSampler(Labelled(3), times=0), 'times .* 0'),
        (lambda: RepeatSampler(Labelled(3), times=1.5), 'times .* 1.5'),
    ],
)
def test_mistakes_are_named(build: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.parametrize(
    ('sampler', 'wanted'),
    [
        (dict(type='ClassBalancedSampler', epoch_size=30), [10, 10, 10]),
        (dict(type='RepeatSampler', times=3), [9, 9, 6]),
    ],
)
def test_in_a_loader_of_the_runner(store_path: Path, sampler: dict, wanted: list[int]) -> None:
    """Eight training samples of the classes 0 1 2 0 1 2 0 1."""
    loader = Runner.build_dataloader(
        dict(
            batch_size=4,
            num_workers=0,
            sampler=sampler,
            dataset=dict(type='SkeletonDataset', ann_file=str(store_path), split='train'),
            collate_fn=dict(type='pseudo_collate'),
        ),
        seed=1,
    )
    assert loader.sampler.seed == 1
    labels = [label for batch in loader for label in batch['label']]
    assert np.bincount(labels).tolist() == wanted
