import numpy as np
import pytest

from mmcl_ext.preparation.videos.camera import PinholeCamera, boxes_from_joints

CAMERA = PinholeCamera(focal=100.0, center=(50.0, 40.0), size=(100, 80))


def test_projection_by_hand():
    points = [[0.0, 0.0, 1.0], [0.2, 0.0, 2.0], [0.0, 0.3, 1.5], [1.0, 1.0, 0.0]]
    expected = [[50, 40], [60, 40], [50, 20], [np.nan, np.nan]]
    np.testing.assert_allclose(CAMERA.project(np.array(points)), expected)
    mirrored = PinholeCamera(100.0, (50.0, 40.0), (100, 80), mirrored=True)
    np.testing.assert_allclose(mirrored.project(np.array([0.2, 0.3, 2.0])), [40, 25])


def test_box_spans_joints_and_padding():
    joints = np.array([[[-0.2, 0.1, 2.0], [0.1, -0.2, 1.0]]])  # (T=1, V=2, 3)
    boxes, found = boxes_from_joints(joints, CAMERA, padding=0.1)
    # joint 0 at (40, 35) reaches 5 px, joint 1 at (60, 60) reaches 10 px
    np.testing.assert_allclose(boxes, [[35, 30, 70, 70]])
    assert found.tolist() == [True]


def test_box_is_clipped_to_the_image():
    joints = np.array([[[-0.45, 0.35, 1.0], [0.6, 0.0, 1.0]]])
    boxes, found = boxes_from_joints(joints, CAMERA, padding=0.1)
    np.testing.assert_allclose(boxes, [[0, 0, 100, 50]])
    assert found.all()


def test_frame_without_a_person_in_view_gets_the_whole_image():
    joints = np.array(
        [
            [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]],  # no person
            [[5.0, 0.0, 1.0], [6.0, 0.0, 1.0]],  # far to the right
            [[0.0, 0.0, -1.0], [np.nan, 0.0, 1.0]],  # behind the camera, and no number
        ]
    )
    boxes, found = boxes_from_joints(joints, CAMERA)
    np.testing.assert_array_equal(boxes, [[0, 0, 100, 80]] * 3)
    assert not found.any()


def test_absent_joints_do_not_stretch_the_box():
    joints = np.array([[[-0.2, 0.1, 2.0], [0.1, -0.2, 1.0]]])
    padded = np.concatenate([joints, np.zeros((1, 3, 3)), np.full((1, 1, 3), np.nan)], axis=1)
    np.testing.assert_array_equal(
        boxes_from_joints(padded, CAMERA)[0], boxes_from_joints(joints, CAMERA)[0]
    )


def test_several_persons_give_the_union():
    rng = np.random.default_rng(0)
    persons = rng.uniform(-0.3, 0.3, (2, 4, 6, 3)) + np.array([0, 0, 2])
    single = [boxes_from_joints(person, CAMERA)[0] for person in persons]
    both, _ = boxes_from_joints(persons, CAMERA)
    np.testing.assert_allclose(both[:, :2], np.minimum(single[0], single[1])[:, :2])
    np.testing.assert_allclose(both[:, 2:], np.maximum(single[0], single[1])[:, 2:])


def test_wrong_shape_is_named():
    with pytest.raises(ValueError, match=r'\(4, 2\)'):
        boxes_from_joints(np.zeros((4, 2)), CAMERA)
