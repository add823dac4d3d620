"""Frames with nobody and persons who never appear: one rule for training and prediction."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mmcl_ext.datasets import SkeletonDataset
from mmcl_ext.datasets.present_persons import choose_persons, person_limit
from mmcl_ext.datasets.store import write_store
from mmcl_ext.datasets.transforms import FormatSkeleton

PIPELINE = [
    dict(type='mmcl_ext.CenterSkeleton', joint=1),
    dict(type='mmcl_ext.ValidCropResize', window=16, p_interval=(0.95,)),
    dict(type='mmcl_ext.FormatSkeleton', num_person=2),
]


def _bodies(persons: int, frames: int) -> np.ndarray:
    return np.random.default_rng(persons).normal(size=(persons, frames, 25, 3)).astype('f4')


def _through_dataset(folder: Path, keypoint: np.ndarray) -> np.ndarray:
    sample: dict[str, Any] = dict(name='a', label=0, keypoint=keypoint)
    path = folder / 'one.safetensors'
    write_store(path, [sample], layout='nturgb+d', classes=('wave',), splits={})
    item = SkeletonDataset(str(path), None, PIPELINE)[0]
    return item['keypoint']


def test_late_entry_gap_and_empty_place_change_nothing(tmp_path: Path) -> None:
    """The network sees what it would see of the clip without them."""
    body = _bodies(1, 30)
    late = np.zeros((3, 160, 25, 3), 'f4')
    late[1, 100:115], late[1, 120:135] = body[0, :15], body[0, 15:]
    expected = _through_dataset(tmp_path, body)
    assert np.count_nonzero(expected)
    np.testing.assert_array_equal(_through_dataset(tmp_path, late), expected)


def test_most_active_of_more_than_the_network_takes(tmp_path: Path) -> None:
    crowd = _bodies(4, 20)
    crowd[1] *= 5
    crowd[3] *= 9
    expected = _through_dataset(tmp_path, crowd[[3, 1]])
    np.testing.assert_array_equal(_through_dataset(tmp_path, crowd), expected)


def test_order_stays_within_the_limit() -> None:
    pair = _bodies(2, 20)
    pair[1] *= 5
    item = dict(keypoint=pair, total_frames=20, num_person=2)
    assert choose_persons(item, 2) is item
    assert choose_persons(item, None) is item


def test_scores_follow_and_nobody_stays() -> None:
    keypoint = _bodies(2, 10)
    keypoint[0] = keypoint[:, :4] = 0
    score = np.arange(2 * 10 * 25, dtype='f4').reshape(2, 10, 25)
    item = choose_persons(dict(keypoint=keypoint, keypoint_score=score), 2)
    np.testing.assert_array_equal(item['keypoint_score'], score[1:, 4:])
    assert (item['total_frames'], item['num_person']) == (6, 1)
    nobody = dict(keypoint=0 * keypoint)
    assert choose_persons(nobody, 2) is nobody


@pytest.mark.parametrize(('persons', 'limit'), [((), None), ((2,), 2), ((2, 3), 3)])
def test_limit_is_that_of_the_last_transform(persons: tuple[int, ...], limit: int | None) -> None:
    assert person_limit([object(), *(FormatSkeleton(n) for n in persons)]) == limit
