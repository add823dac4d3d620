"""Numbers of the fact sheet on Kinect v1 and v2, and what every map must keep."""

import itertools

import numpy as np
import pytest

from mmcl_ext.graphs import Layout, get_layout, register_layout
from mmcl_ext.graphs.body_parts import body_parts
from mmcl_ext.graphs.joint_map import joint_map_variants, joint_matrix

_NAMES = ('nturgb+d', 'nturgb+d-ctrgcn', 'kinect_v1', 'coco', 'openpose')


def _row(matrix: np.ndarray, joint: int) -> dict[int, float]:
    return {int(i): round(float(matrix[joint, i]), 6) for i in np.flatnonzero(matrix[joint])}


def test_kinect_v1_to_v2() -> None:
    """Matrix A as published, joint by joint."""
    matrix = joint_matrix('kinect_v1', 'nturgb+d')
    wanted = {joint: {joint: 1.0} for joint in (3, *range(4, 20))} | {
        0: {12: 0.5, 16: 0.5},
        1: {1: 0.6, 2: 0.4},
        2: {2: 0.65, 3: 0.35},
        20: {2: 1.0},
        21: {6: -0.75, 7: 1.75},
        22: {7: 1.0},
        23: {10: -0.75, 11: 1.75},
        24: {11: 1.0},
    }
    assert matrix.shape == (25, 20)
    assert {joint: _row(matrix, joint) for joint in range(25)} == wanted


@pytest.mark.parametrize(
    ('variant', 'changed'),
    [
        ('A-copy', {21: {7: 1.0}, 23: {11: 1.0}}),
        (
            'A-naive',
            {0: {0: 1.0}, 1: {1: 1.0}, 2: {2: 0.5, 3: 0.5}, 21: {7: 1.0}, 23: {11: 1.0}},
        ),
        (
            'B',
            {
                4: {2: 0.15, 4: 1.0, 12: -0.075, 16: -0.075},
                8: {2: 0.15, 8: 1.0, 12: -0.075, 16: -0.075},
            },
        ),
    ],
)
def test_variants_differ_in_the_rows_published(variant: str, changed: dict) -> None:
    default = joint_matrix('kinect_v1', 'nturgb+d')
    matrix = joint_matrix('kinect_v1', 'nturgb+d', variant)
    different = np.flatnonzero((matrix != default).any(axis=1)).tolist()
    assert {joint: _row(matrix, joint) for joint in different} == changed


def test_kinect_v2_to_v1() -> None:
    matrix = joint_matrix('nturgb+d', 'kinect_v1')
    wanted = {joint: {joint: 1.0} for joint in range(3, 20)} | {
        0: {0: 0.74, 1: 0.26},
        1: {0: 0.5, 1: 0.5},
        2: {20: 1.0},
    }
    assert {joint: _row(matrix, joint) for joint in range(20)} == wanted


def test_exact_inverse_restores_all_but_the_hip_centre() -> None:
    there = joint_matrix('kinect_v1', 'nturgb+d')
    back = joint_matrix('nturgb+d', 'kinect_v1', 'inverse-exact')
    restored = back @ there
    np.testing.assert_allclose(restored[1:], np.eye(20)[1:], atol=1e-12)
    assert not np.allclose(restored[0], np.eye(20)[0])


@pytest.mark.parametrize(('source', 'target'), list(itertools.product(_NAMES, _NAMES)))
def test_every_pair_of_layouts(source: str, target: str) -> None:
    """Rows sum to 1, and each side of the body is made from its own side and the middle."""
    for variant in (None, *joint_map_variants(source, target)):
        matrix = joint_matrix(source, target, variant)
        layouts = get_layout(source), get_layout(target)
        assert matrix.shape == (layouts[1].num_joints, layouts[0].num_joints)
        np.testing.assert_allclose(matrix.sum(axis=1), 1, atol=1e-12)
        mirrors = [np.arange(layout.num_joints) for layout in layouts]
        for layout, mirror in zip(layouts, mirrors, strict=True):
            for left, right in layout.pairs:
                mirror[[left, right]] = right, left
        np.testing.assert_allclose(matrix[mirrors[1]][:, mirrors[0]], matrix, atol=1e-12)
        if layouts[0].joint_names == layouts[1].joint_names:
            np.testing.assert_array_equal(matrix, np.eye(len(matrix)))


def test_photographed_body_has_the_proportions_of_ntu() -> None:
    """An upright body: hips at height 0, shoulders at 0.922 of the trunk, wrists below elbows."""
    coco = get_layout('coco').joint_names
    body = np.zeros((17, 3))
    heights = dict(hip=0, shoulder=0.922, ear=1.384, elbow=0.4, wrist=-0.1)
    for joint, name in enumerate(coco):
        side, _, kind = name.partition('_')
        body[joint] = (dict(left=-1, right=1).get(side, 0), heights.get(kind, 0), 0)
    made = joint_matrix('coco', 'nturgb+d') @ body
    ntu = dict(zip(get_layout('nturgb+d').joint_names, made, strict=True))
    for name, height in (
        ('spine_base', 0),
        ('spine_mid', 0.574),
        ('spine_shoulder', 1),
        ('neck', 0.65 + 0.35 * 1.384),
        ('head', 1.384),
    ):
        np.testing.assert_allclose(ntu[name], (0, height, 0), atol=1e-9)
    np.testing.assert_allclose(ntu['left_hand'], (-1, -0.2, 0), atol=1e-9)
    np.testing.assert_allclose(ntu['right_hand_tip'], (1, -0.3, 0), atol=1e-9)


def test_own_layout_and_weights() -> None:
    register_layout(
        Layout('joint-map-test', ('spine_base', 'top'), edges=((1, 0),), center=0), force=True
    )
    weights = {'top': {'head': 0.25, 'neck': 0.75}}
    matrix = joint_matrix('nturgb+d', 'joint-map-test', weights=weights)
    assert _row(matrix, 0) == {0: 1.0}
    assert _row(matrix, 1) == {2: 0.75, 3: 0.25}


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (('kinect_v1', 'nturgb+d', 'C'), "no joint map 'C'.*A-naive"),
        (('kinect_v1', 'nturgb+d', 'A', {}), 'not both'),
        (('kinect_v1', 'nturgb+d', None, {}), "'spine_base' asks for 'spine_base', which the"),
        (('nturgb+d', 'nturgb+d', None, {'tail': {}}), r"target has no joints \['tail'\]"),
        (('nturgb+d', 'nturgb+d', None, {'neck': {'head': 0.4}}), "'neck' sum to 0.4, not 1"),
        (('nturgb+d', 'hand'), "unknown layout 'hand'"),
    ],
)
def test_mistakes_are_named(arguments: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        joint_matrix(*arguments)


@pytest.mark.parametrize('name', _NAMES)
def test_body_parts(name: str) -> None:
    parts = body_parts(name)
    layout = get_layout(name)
    assert sorted(sum(parts.values(), ())) == list(range(layout.num_joints))
    for left, right in layout.pairs:
        part = next(part for part, joints in parts.items() if left in joints)
        assert right in parts[part.replace('left', 'right')]
    arm = {layout.joint_names[joint] for joint in parts['left_arm']}
    assert {'left_shoulder', 'left_elbow', 'left_wrist'} <= arm
    assert not any('right' in joint or 'hip' in joint for joint in arm)


def test_parts_of_unnamed_joints_are_refused() -> None:
    register_layout(dict(name='parts-test', num_node=2, edges=((1, 0),), center=0), force=True)
    with pytest.raises(ValueError, match='do not tell its arms and legs'):
        body_parts('parts-test')
