import numpy as np
import pytest

from mmcl_ext.graphs.layouts import get_layout
from mmcl_ext.synthetic.kinematics import (
    JOINT,
    LAYOUT,
    PoseTrack,
    bend,
    joint_positions,
    mirrored,
    rotation,
)
from mmcl_ext.synthetic.subject import Body

EDGES = np.array(get_layout(LAYOUT).edges)


def body(seed=0):
    return Body.draw(np.random.default_rng(seed))


def bones(joints):
    return np.linalg.norm(joints[:, EDGES[:, 0]] - joints[:, EDGES[:, 1]], axis=-1)


def test_rotation_about_the_vertical_turns_right_to_front():
    turned = rotation('y', np.array([np.pi / 2]))[0] @ (1.0, 0.0, 0.0)
    np.testing.assert_allclose(turned, (0.0, 0.0, -1.0), atol=1e-12)


def test_rotation_about_x_by_a_negative_angle_leans_forward():
    np.testing.assert_allclose(
        rotation('x', np.array([-np.pi / 2]))[0] @ (0.0, 1.0, 0.0), (0.0, 0.0, -1.0), atol=1e-12
    )


def test_unknown_axis_is_named():
    with pytest.raises(ValueError, match="'w'"):
        rotation('w', np.zeros(1))


def test_bend_of_a_right_angle():
    """Legs of length 3 and 4 reach a distance of 5 with a right angle between them."""
    start, end = np.zeros((1, 3)), np.array([[5.0, 0.0, 0.0]])
    middle, reached = bend(start, end, 3.0, 4.0, np.array([[0.0, -1.0, 0.0]]))
    np.testing.assert_allclose(middle, [[1.8, -2.4, 0.0]], atol=1e-12)
    np.testing.assert_allclose(reached, end, atol=1e-12)


def test_bend_out_of_reach_stretches_towards_the_goal():
    goal = np.array([[9.0, 0.0, 0.0]])
    middle, reached = bend(np.zeros((1, 3)), goal, 3.0, 4.0, np.array([[0.0, 1.0, 0.0]]))
    assert 6.9 < reached[0, 0] < 7.0
    assert np.linalg.norm(middle) == pytest.approx(3.0)
    assert np.linalg.norm(reached - middle) == pytest.approx(4.0)


def test_standing_person():
    person = body()
    joints = joint_positions(PoseTrack.standing(person, 3), person)
    assert joints.shape == (3, 25, 3)
    at = {name: joints[0, index] for name, index in JOINT.items()}
    assert at['left_hand'][0] < 0 < at['right_hand'][0]
    assert at['head'][1] == pytest.approx(0.93 * person.height, rel=0.08)
    assert at['left_ankle'][1] == pytest.approx(person.ankle, abs=0.02)
    assert at['right_foot'][2] < at['right_ankle'][2], 'toes point to the camera'
    assert at['left_hand'][1] < at['left_wrist'][1] < at['left_elbow'][1]


def test_palms_go_where_they_are_sent():
    person = body()
    track = PoseTrack.standing(person, 1)
    goal = np.array([0.15, -0.1, -0.3])
    palms = track.palms.copy()
    palms[1] = goal
    joints = joint_positions(track.change(palms=palms), person)
    reached = joints[0, JOINT['right_hand']] - joints[0, JOINT['spine_shoulder']]
    np.testing.assert_allclose(reached, goal, atol=1e-9)


def test_no_pose_changes_a_bone():
    """Random controls, most of them out of reach."""
    person, rng, frames = body(), np.random.default_rng(1), 50
    track = PoseTrack.standing(person, frames).change(
        lean=rng.normal(size=frames),
        roll=rng.normal(size=frames),
        twist=rng.normal(size=frames),
        head_pitch=rng.normal(size=frames),
        head_turn=rng.normal(size=frames),
        palms=rng.normal(size=(2, frames, 3)),
        fingers=rng.normal(size=(2, frames, 3)),
        ankles=rng.normal(size=(2, frames, 3)),
    )
    lengths = bones(joint_positions(track, person))
    np.testing.assert_allclose(lengths, np.tile(lengths[0], (frames, 1)), rtol=1e-9)


def test_mirroring_swaps_sides_and_is_its_own_inverse():
    joints = np.random.default_rng(0).normal(size=(4, 25, 3))
    other = mirrored(joints)
    np.testing.assert_array_equal(
        other[:, JOINT['left_hand']], joints[:, JOINT['right_hand']] * (-1, 1, 1)
    )
    np.testing.assert_array_equal(other[:, JOINT['head']], joints[:, JOINT['head']] * (-1, 1, 1))
    np.testing.assert_array_equal(mirrored(other), joints)


def test_people_differ():
    heights = [body(seed).height for seed in range(20)]
    assert 1.5 <= min(heights) < 1.65 < 1.8 < max(heights) <= 1.95


def test_unknown_landmark_is_named():
    with pytest.raises(ValueError, match='tail'):
        body().landmark('tail')
