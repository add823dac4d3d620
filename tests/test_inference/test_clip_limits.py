"""Stated behaviour at the limits: layouts, emptiness, NaN, lengths, numbers of persons."""

import numpy as np
import pytest

from mmcl_ext.datasets.present_persons import activity
from mmcl_ext.graphs.joint_map import joint_matrix
from mmcl_ext.inference import MMCLInferencer, SkeletonClip
from mmcl_ext.inference.clip_preparation import fill_in_time


def test_wrong_layout(inferencer, walk):
    with pytest.raises(ValueError, match=r"19 joints, but layout 'kinect_v1' has 20: say which"):
        inferencer(walk[:, :, :19])
    with pytest.raises(ValueError, match="20 joints, but layout 'coco' has 17"):
        inferencer(walk, layout='coco')
    with pytest.raises(ValueError, match="unknown layout 'fish'"):
        inferencer(walk, layout='fish')


def test_two_dimensions_for_a_model_of_three(inferencer, walk):
    with pytest.raises(ValueError, match=r'has 2 coordinates .* the model takes 3'):
        inferencer(walk[..., :2])


def test_interpolated_layout(inferencer):
    ntu = np.random.default_rng(0).normal(size=(1, 12, 25, 3)).astype('f4')
    matrix = joint_matrix('nturgb+d', 'kinect_v1')
    by_hand = np.einsum('wv,mtvc->mtwc', matrix, ntu).astype('f4')
    a, b = inferencer(ntu, layout='nturgb+d')[0], inferencer(by_hand)[0]
    np.testing.assert_allclose(a.pred_score, b.pred_score, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('shape', [(1, 0, 20, 3), (0, 5, 20, 3)])
def test_empty(inferencer, shape):
    with pytest.raises(ValueError, match=r"clip 'array'.* is empty"):
        inferencer(np.zeros(shape, 'f4'))


def test_nobody(inferencer, walk):
    with pytest.raises(ValueError, match='nobody is in it'):
        inferencer(0 * walk)


def test_not_finite(utd, inferencer, walk):
    broken = walk.copy()
    broken[0, 10:13, 4] = np.nan
    with pytest.raises(ValueError, match=r'9 coordinates .* person 0, frame 10, joint 4'):
        inferencer(broken)
    filled = walk.copy()
    for step, t in enumerate((10, 11, 12), start=1):
        filled[0, t, 4] = walk[0, 9, 4] + (walk[0, 13, 4] - walk[0, 9, 4]) * step / 4
    filling = MMCLInferencer(utd['published'], fill_missing=True)
    result, expected = filling(broken)[0], inferencer(filled)[0]
    np.testing.assert_allclose(result.pred_score, expected.pred_score, rtol=1e-4, atol=1e-5)
    assert np.isnan(broken[0, 10, 4]).all()  # the caller's array is left alone


def test_filling_at_the_ends_and_throughout():
    values = np.array([np.nan, 2, np.nan, 4, np.nan], 'f4').reshape(1, 5, 1, 1)
    filled = fill_in_time(values, np.isnan(values))
    assert filled.ravel().tolist() == [2, 2, 3, 4, 4]
    never = np.full((1, 5, 1, 1), np.inf, 'f4')
    assert fill_in_time(never, ~np.isfinite(never)).ravel().tolist() == [0] * 5


def test_one_frame(inferencer, walk):
    one, repeated = walk[:, :1], np.repeat(walk[:, :1], 7, axis=1)
    result, expected = inferencer(one)[0], inferencer(repeated)[0]
    np.testing.assert_allclose(result.pred_score, expected.pred_score, rtol=1e-4, atol=1e-5)


def test_ten_thousand_frames(inferencer, walk):
    """A long recording is one clip: its middle 95%, resampled to the network's frames."""
    generator = np.random.default_rng(3)
    long = walk[:, :1] + generator.normal(scale=0.01, size=(1, 10_000, 20, 3)).astype('f4')
    result = inferencer(long)[0]
    assert np.isfinite(result.pred_score).all()
    ends = long.copy()
    ends[:, :200] += 5  # outside of the middle 95%, but for the origin
    ends[:, 0] = long[:, 0]
    np.testing.assert_array_equal(inferencer(ends)[0].pred_score, result.pred_score)


def test_five_persons(ntu):
    generator = np.random.default_rng(4)
    pose = generator.normal(size=(5, 1, 25, 3))
    scales = np.array([0.01, 0.5, 0.02, 0.3, 0.03])[:, None, None, None]
    five = (pose + scales * generator.normal(size=(5, 20, 25, 3))).astype('f4')
    chosen = ntu(five[[1, 3]])[0]
    np.testing.assert_array_equal(ntu(five)[0].pred_score, chosen.pred_score)
    assert not np.array_equal(ntu(five[:2])[0].pred_score, chosen.pred_score)


def test_coordinates_beyond_all_bounds(inferencer, walk):
    """Finite coordinates that make the scores overflow are an error, not a prediction."""
    clips = [walk, np.sign(walk) * np.float32(3e38), walk]
    with np.errstate(all='ignore'):
        results = list(inferencer.iterate(clips, on_error='skip'))
        assert [result.error is None for result in results] == [True, False, True]
        assert 'scores are not finite; coordinates reach 3.0e+38' in results[1].error
        with pytest.raises(ValueError, match='scores are not finite'):
            inferencer(clips)
        with pytest.raises(ValueError, match='scores are not finite'):
            inferencer.predict_clip(SkeletonClip.from_array(clips[1]))


def test_activity():
    still = np.ones((1, 4, 2, 3))
    moving = np.ones((1, 4, 2, 3))
    moving[0, :, :, 0] = [[0], [1], [2], [3]]  # squares about 1.5: 2.25 + 0.25 + 0.25 + 2.25
    large = moving * np.where(np.arange(4) < 1, 1, 0)[:, None, None]  # a single frame
    keypoint = np.concatenate((still, moving, large, 0 * still))
    np.testing.assert_allclose(activity(keypoint), [0, 5, 0, 0])


def test_going_on_after_failures(inferencer, walk, tmp_path):
    bad = [str(tmp_path / 'absent.npy'), walk, 0 * walk, walk]
    results = list(inferencer.iterate(bad, on_error='skip'))
    assert [result.error is None for result in results] == [False, True, False, True]
    assert results[0].name == bad[0]
    assert 'no file' in results[0].error
    assert results[0].to_dict() == dict(name=bad[0], error=results[0].error)
    assert results[0].top() == []
    np.testing.assert_array_equal(results[1].pred_score, results[3].pred_score)
    with pytest.raises(FileNotFoundError):
        inferencer(bad)
    annotations = [dict(keypoint=walk), dict(keypoint=walk[0, 0]), dict(keypoint=walk)]
    results = list(inferencer.iterate([annotations], on_error='skip'))
    assert [result.error is None for result in results] == [True, False, True]
    with pytest.raises(ValueError, match='on_error'):
        inferencer(walk, on_error='ignore')
