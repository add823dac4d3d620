"""Levelling and turning."""

import numpy as np
import pytest

from mmcl_ext.datasets.transforms import FaceSensor
from mmcl_ext.graphs import get_layout

JOINTS = get_layout('kinect_v1').joint_names
LEFT, RIGHT = JOINTS.index('left_shoulder'), JOINTS.index('right_shoulder')
HEAD, FEET = JOINTS.index('head'), JOINTS.index('left_foot')


def rotation(axis, degrees):
    """Rodrigues' formula, counter-clockwise about an axis."""
    x, y, z = np.asarray(axis, float)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = np.radians(degrees)
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def upright():
    """A body that faces the sensor (towards -z), its right at +x, two persons."""
    keypoint = np.random.default_rng(0).normal(size=(2, 6, 20, 3)) * 0.1
    keypoint[0, :, LEFT], keypoint[0, :, RIGHT] = (-0.2, 0.4, 3.0), (0.2, 0.4, 3.0)
    keypoint[0, :, HEAD], keypoint[0, :, FEET] = (0.0, 0.8, 3.0), (0.0, -1.0, 3.0)
    return keypoint.astype(np.float32)


def apply(transform, keypoint):
    return transform(dict(keypoint=keypoint))['keypoint']


@pytest.mark.parametrize('yaw', [-170, -60, 0, 35, 90])
@pytest.mark.parametrize('pitch', [0, 10, -25])
def test_undoes_a_turn_and_a_tilt(yaw, pitch):
    body = upright()
    # A sensor that looks down by `pitch` sees the upright lean towards it, to -z.
    seen = body @ (rotation((1, 0, 0), -pitch) @ rotation((0, 1, 0), yaw)).T
    up = (seen[0, 0, HEAD] - seen[0, 0, FEET]) / 1.8
    np.testing.assert_allclose(up[2], -np.sin(np.radians(pitch)), atol=1e-6)
    result = apply(FaceSensor(pitch=pitch), seen.astype(np.float32))
    np.testing.assert_allclose(result, body, atol=2e-6)


def test_only_levels():
    body = upright()
    turned = (body @ rotation((0, 1, 0), 40).T).astype(np.float32)
    np.testing.assert_array_equal(apply(FaceSensor(turn=False), turned), turned)
    lengths = np.linalg.norm(apply(FaceSensor(pitch=15, turn=False), turned), axis=-1)
    np.testing.assert_allclose(lengths, np.linalg.norm(turned, axis=-1), rtol=1e-5)


def test_turns_by_the_mean_of_the_frames_that_are_there():
    body = upright()
    body[0] = np.stack([body[0, 0] @ rotation((0, 1, 0), a).T for a in (-30, 10, 20, 0, 0, 0)])
    body[0, 3:] = 0  # nobody there
    mean = np.degrees(np.arctan2(*[sum(f(np.radians(a)) for a in (-30, 10, 20))
                                   for f in (np.sin, np.cos)]))  # fmt: skip
    result = apply(FaceSensor(), body)
    across = result[0, 1, RIGHT] - result[0, 1, LEFT]
    expected = rotation((0, 1, 0), 10 - mean) @ (0.4, 0, 0)
    np.testing.assert_allclose(across, expected, atol=1e-6)
    assert not result[0, 3:].any()


def test_nobody_there():
    assert not apply(FaceSensor(pitch=10), np.zeros((1, 4, 20, 3), np.float32)).any()


@pytest.mark.parametrize(
    ('arguments', 'shape', 'message'),
    [
        (dict(pitch=91), (1, 2, 20, 3), '91'),
        (dict(shoulders=(4, 20)), (1, 2, 20, 3), 'not among the 20 joints'),
        ({}, (1, 2, 20, 2), 'C = 3'),
    ],
)
def test_refused(arguments, shape, message):
    with pytest.raises(ValueError, match=message):
        apply(FaceSensor(**arguments), np.ones(shape, np.float32))
