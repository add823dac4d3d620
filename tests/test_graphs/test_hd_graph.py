import numpy as np
import pytest
from safetensors.numpy import load_file

from mmcl_ext.graphs import HDGraph, get_layout, layout_names
from mmcl_ext.registry import GRAPHS

# Number of non-zero entries (identity, forward, reverse) per level, from HD-GCN's graphs.
COUNTS = {
    ('nturgb+d', 21): [(5, 4), (8, 16), (8, 16), (8, 16), (10, 24), (8, 12)],
    ('nturgb+d', 1): [(4, 3), (6, 9), (8, 15), (10, 25), (7, 10), (8, 12)],
    ('nturgb+d', 2): [(3, 2), (7, 10), (10, 25), (9, 20), (8, 16), (8, 16)],
    ('kinect_v1', 1): [(4, 3), (6, 9), (8, 15), (9, 20), (6, 8), (4, 4)],
    ('kinect_v1', 2): [(3, 2), (7, 10), (9, 20), (8, 16), (8, 16)],
    ('kinect_v1', 3): [(5, 4), (7, 12), (7, 12), (8, 16), (6, 8), (4, 4)],
}
CENTERS = [(name, center) for name in layout_names() for center in get_layout(name).hd_groups]


@pytest.mark.parametrize(('name', 'center'), COUNTS)
def test_number_of_edges_per_level(name, center):
    levels = HDGraph(name, center, flatten=None).A
    expected = [(identity, edges, edges) for identity, edges in COUNTS[name, center]]
    assert [tuple(row) for row in (levels != 0).sum((2, 3))] == expected
    num_joints = get_layout(name).num_joints
    assert levels.shape == (len(expected), 3, num_joints, num_joints)
    assert levels.dtype == np.float32


def test_values_around_joint_21():
    levels = HDGraph('nturgb+d', 21, flatten=None).A
    forward = [1 / 4, 1 / 4, 1 / 4, 1 / 4, 1 / 6, 1 / 2]
    reverse = [1, 1 / 4, 1 / 4, 1 / 4, 1 / 4, 1 / 6]
    for level, f, r in zip(levels, forward, reverse, strict=True):
        assert set(np.unique(level[0])) == {0, 1}
        assert set(np.unique(level[1])) == {0, np.float32(f)}
        assert set(np.unique(level[2])) == {0, np.float32(r)}


def test_joints_receive_by_rows():
    # Around joint 1 the first level joins joint 1 to joints 2, 13 and 17 (1-based).
    identity, forward, reverse = HDGraph('nturgb+d', 1, flatten=None).A[0]
    assert np.argwhere(identity).tolist() == [[0, 0], [1, 1], [12, 12], [16, 16]]
    assert np.argwhere(forward).tolist() == [[1, 0], [12, 0], [16, 0]]
    assert np.argwhere(reverse).tolist() == [[0, 1], [0, 12], [0, 16]]
    assert forward[1, 0] == np.float32(1 / 3)
    assert reverse[0, 1] == 1


def test_equals_the_array_of_the_official_hdgcn(shared):
    # The reference state keeps the adjacency of the first block at its initial value.
    official = load_file(shared / 'parity' / 'hdgcn_com1_ntu60.safetensors')
    levels = HDGraph('nturgb+d', 1, flatten=None).A
    np.testing.assert_array_equal(levels, official['state_dict.l1.gcn1.PA'])


@pytest.mark.parametrize(('name', 'center'), CENTERS)
def test_edges_of_different_levels_are_disjoint(name, center):
    levels = HDGraph(name, center, flatten=None).A
    assert (levels[:, 1:] != 0).sum((0, 1)).max() == 1


@pytest.mark.parametrize(('name', 'center'), CENTERS)
def test_what_a_joint_gives_adds_up_to_one(name, center):
    levels = HDGraph(name, center, flatten=None).A
    for (_, forward, reverse), inner, outer in zip(
        levels, _groups(name, center), _groups(name, center)[1:], strict=False
    ):
        np.testing.assert_allclose(forward.sum(0)[inner], 1, rtol=1e-6)
        np.testing.assert_allclose(reverse.sum(0)[outer], 1, rtol=1e-6)


def _groups(name, center):
    return [np.array(group) - 1 for group in HDGraph(name, center).groups]


@pytest.mark.parametrize(('name', 'center'), CENTERS)
def test_union_keeps_every_edge_and_a_plain_identity(name, center):
    levels = HDGraph(name, center, flatten=None).A
    union = HDGraph(name, center, flatten='union').A
    np.testing.assert_array_equal(union[0], np.eye(len(union[0])))
    np.testing.assert_array_equal(union[1:], levels[:, 1:].sum(0))  # disjoint, so max = sum


@pytest.mark.parametrize(('name', 'center'), CENTERS)
def test_levels_stand_in_a_row(name, center):
    graph = HDGraph(name, center, flatten='levels')
    levels = HDGraph(name, center, flatten=None).A
    assert len(graph.A) == 3 * graph.num_levels == 3 * len(levels)
    for level in range(graph.num_levels):
        np.testing.assert_array_equal(graph.A[3 * level : 3 * level + 3], levels[level])


def test_five_levels_around_joint_2_of_twenty():
    assert HDGraph('kinect_v1', 2).num_levels == 5
    assert {HDGraph('kinect_v1', c).num_levels for c in (1, 3)} == {6}
    assert {HDGraph('nturgb+d', c).num_levels for c in (1, 2, 21)} == {6}


def test_both_ntu_layouts_share_the_hierarchy():
    for center in (1, 2, 21):
        ours, theirs = (HDGraph(name, center).A for name in ('nturgb+d', 'nturgb+d-ctrgcn'))
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ('name', 'center', 'groups'),
    [
        (
            'coco',
            1,
            ((1,), (2, 3, 6, 7), (4, 5, 8, 9, 12, 13), (10, 11, 14, 15), (16, 17)),
        ),
        (
            'openpose',
            2,
            ((2,), (1, 3, 6), (4, 7, 9, 12, 15, 16), (5, 8, 10, 13, 17, 18), (11, 14)),
        ),
    ],
)
def test_without_a_table_the_groups_are_hop_distances(name, center, groups):
    graph = HDGraph(name, center)
    assert graph.groups == groups
    np.testing.assert_array_equal(graph.A[0], np.eye(graph.num_joints))


def test_a_layout_may_bring_its_own_hierarchy():
    layout = dict(
        num_node=4,
        edges=((0, 1), (2, 1), (3, 2)),
        center=1,
        hd_groups={1: ((1,), (2, 3), (4,))},
    )
    graph = GRAPHS.build(dict(type='HDGraph', layout=layout, center=1, flatten='union'))
    forward = [[0, 0, 0, 0], [0.5, 0, 0, 0], [0.5, 0, 0, 0], [0, 1, 1, 0]]
    np.testing.assert_array_equal(graph.A[1], forward)


@pytest.mark.parametrize(
    ('kwargs', 'message'),
    [
        (dict(layout='ntu'), "unknown layout 'ntu'"),
        (
            dict(layout='nturgb+d', center=5),
            r"unknown centre of mass 5 of layout 'nturgb\+d'; known are \(1, 2, 21\)",
        ),
        (dict(layout='kinect_v1', center=21), r'centre of mass 21.*\(1, 2, 3\)'),
        (dict(layout='coco', center=0), 'unknown centre of mass 0'),
        (dict(layout='coco', center=18), 'unknown centre of mass 18'),
        (dict(layout='nturgb+d', flatten='sum'), "unknown flatten 'sum'"),
    ],
)
def test_impossible_hierarchies_name_the_value(kwargs, message):
    with pytest.raises(ValueError, match=message):
        HDGraph(**kwargs)
