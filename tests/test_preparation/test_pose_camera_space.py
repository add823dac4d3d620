import numpy as np
import pytest

from mmcl_ext.preparation.pose.camera_space import DEFAULT_FOCAL, camera_space, root_position

WORLD = np.random.default_rng(0).normal(scale=0.4, size=(2, 33, 3))
ROOT = np.array([(0.3, -0.2, 3.0), (-1.0, 0.1, 5.0)])
FOCAL, CENTER = 900.0, (640.0, 360.0)


def project(points):
    return FOCAL * points[..., :2] / points[..., 2:] + CENTER


def test_true_position_is_found():
    keypoint = project(WORLD + ROOT[:, None])
    found = root_position(WORLD, keypoint, np.ones((2, 33)), FOCAL, CENTER)
    np.testing.assert_allclose(found, ROOT, atol=1e-9)


def test_joints_without_score_do_not_count():
    keypoint, score = project(WORLD + ROOT[:, None]), np.ones((2, 33))
    keypoint[:, :5] += 500
    score[:, :5] = 0
    found = root_position(WORLD, keypoint, score, FOCAL, CENTER)
    np.testing.assert_allclose(found, ROOT, atol=1e-9)


def test_axes_are_those_of_kinect():
    """Turned half round the optical axis, not mirrored: left stays left."""
    keypoint = project(WORLD + ROOT[:, None])
    placed = camera_space(WORLD, keypoint, np.ones((2, 33)), (1280, 720), FOCAL)
    np.testing.assert_allclose(placed, (WORLD + ROOT[:, None]) * (-1, -1, 1), atol=1e-5)


def test_absent_people_are_zero_and_distance_goes_with_the_focal_length():
    keypoint, score = project(WORLD + ROOT[:, None]), np.ones((2, 33))
    score[1] = 0
    placed = camera_space(WORLD, keypoint, score, (1280, 720))
    assert not placed[1].any()
    expected = ROOT[0, 2] * DEFAULT_FOCAL * 1280 / FOCAL
    assert placed[0, :, 2].mean() - WORLD[0, :, 2].mean() == pytest.approx(expected, rel=0.05)
