"""Still frames at both ends."""

import numpy as np
import pytest

from mmcl_ext.datasets.transforms import TrimStill


def clip(places, noise=0.0):
    """One joint of twenty goes through places along x, the others stay."""
    keypoint = np.ones((1, len(places), 20, 3), np.float32)
    keypoint[0, :, 11, 0] += places
    keypoint += np.random.default_rng(0).uniform(-noise, noise, keypoint.shape).astype('f4')
    return keypoint


def apply(keypoint, **kwargs):
    score = np.arange(keypoint.shape[1])[None, :, None] + np.zeros((1, 1, 20))
    results = TrimStill(**kwargs)(dict(keypoint=keypoint, keypoint_score=score))
    return results['keypoint'], results['keypoint_score'][0, :, 0].tolist()


def test_keeps_the_frames_around_the_movement():
    #          0  1  2    3    4  5    6  7  8
    places = [0, 0, 0.1, 0.2, 1, 0.9, 1, 1, 1]
    keypoint, frames = apply(clip(places), distance=0.15)
    # The first pose is left at 3; the last is left for the last time at 3, too (0.9 is near).
    assert frames == [2, 3, 4]
    np.testing.assert_array_equal(keypoint, clip(places)[:, 2:5])


def test_a_movement_that_returns():
    assert apply(clip([0, 0, 0, 1, 2, 1, 0, 0, 0, 0]))[1] == [2, 3, 4, 5, 6]


def test_movement_from_end_to_end_stays():
    places = [0, 1, 2, 3]
    assert apply(clip(places))[1] == [0, 1, 2, 3]


@pytest.mark.parametrize('keypoint', [clip([0] * 5, 0.01), clip([0]), np.zeros((1, 3, 20, 3))])
def test_without_movement_stays_whole(keypoint):
    assert len(apply(keypoint)[1]) == keypoint.shape[1]


def test_absent_frames_do_not_count_as_movement():
    keypoint = clip([0, 0, 0, 1, 2, 1, 0, 0, 0, 0])
    keypoint[:, 9:] = 0
    assert apply(keypoint)[1] == [2, 3, 4, 5, 6]
    second = np.concatenate([keypoint, np.zeros_like(keypoint)])
    assert apply(second)[1] == [2, 3, 4, 5, 6]


def test_distance_zero_cuts_nothing():
    keypoint = clip([0, 0, 0, 1, 2, 1, 0, 0, 0, 0])
    assert TrimStill(0)(dict(keypoint=keypoint))['keypoint'] is keypoint
    with pytest.raises(ValueError, match='-1'):
        TrimStill(-1)
