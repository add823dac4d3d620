import copy
import pickle

import numpy as np
import pytest
from mmaction.models.utils.graph import Graph
from mmengine.config import ConfigDict

from mmcl_ext.graphs import (
    Layout,
    SkeletonGraph,
    get_layout,
    layout_names,
    layouts,
    register_layout,
    resolve_layout,
)
from mmcl_ext.graphs.adjacency import hop_groups
from mmcl_ext.graphs.layout import conflict
from mmcl_ext.graphs.layouts import usual_layout

# A star with a tail: 0 - 1 - 2 and 3 on the centre 1.
TOY = dict(joint_names=('a', 'b', 'c', 'd'), edges=((0, 1), (2, 1), (3, 1)), center=1)


@pytest.fixture
def catalogue(monkeypatch):
    """Keep layouts that a test registers out of the others."""
    monkeypatch.setattr(layouts, '_LAYOUTS', dict(layouts._LAYOUTS))


@pytest.mark.parametrize(
    ('name', 'num_joints', 'center'),
    [
        ('nturgb+d', 25, 20),
        ('nturgb+d-ctrgcn', 25, 20),
        ('kinect_v1', 20, 2),
        ('coco', 17, 0),
        ('openpose', 18, 1),
    ],
)
def test_each_layout_is_a_tree_of_named_joints(name, num_joints, center):
    layout = get_layout(name)
    assert (layout.num_joints, layout.center) == (num_joints, center)
    assert len(set(layout.joint_names)) == num_joints
    assert len(layout.edges) == num_joints - 1
    assert sorted(child for child, _ in layout.edges) == sorted(set(range(num_joints)) - {center})
    assert [layout.parents[child] for child, _ in layout.edges] == [p for _, p in layout.edges]
    assert layout.parents[center] == center


@pytest.mark.parametrize('name', layout_names())
def test_pairs_name_the_same_part_of_both_sides(name):
    layout = get_layout(name)
    sided = [joint for joint in layout.joint_names if joint.startswith(('left_', 'right_'))]
    assert len(layout.pairs) == len(sided) // 2
    for left, right in layout.pairs:
        left_name, right_name = layout.joint_names[left], layout.joint_names[right]
        assert left_name.startswith('left_')
        assert left_name.replace('left_', 'right_') == right_name


@pytest.mark.parametrize('name', layout_names())
def test_skeletons_are_symmetric(name):
    layout = get_layout(name)
    mirror = np.arange(layout.num_joints)
    for left, right in layout.pairs:
        mirror[left], mirror[right] = right, left
    np.testing.assert_array_equal(mirror[list(layout.parents)], np.array(layout.parents)[mirror])


@pytest.mark.parametrize('name', ['nturgb+d', 'coco', 'openpose'])
def test_edges_and_centres_are_those_of_mmaction(name):
    theirs = Graph(name)
    layout = get_layout(name)
    assert list(layout.edges) == theirs.inward
    assert layout.center == theirs.center
    assert layout.num_joints == theirs.num_node


def test_bones_of_the_ctrgcn_layout_are_its_bone_list():
    # Fact from the CTR-GCN feeder: (joint, parent) counted from one.
    parents = [2, 21, 21, 3, 21, 5, 6, 7, 21, 9, 10, 11, 1, 13, 14, 15, 1, 17, 18, 19, 21]
    parents += [23, 8, 25, 12]
    assert get_layout('nturgb+d-ctrgcn').parents == tuple(p - 1 for p in parents)


def test_bones_of_twenty_joints_are_the_bone_list_of_nwucla():
    parents = [2, 3, 3, 3, 3, 5, 6, 7, 3, 9, 10, 11, 1, 13, 14, 15, 1, 17, 18, 19]
    assert get_layout('kinect_v1').parents == tuple(p - 1 for p in parents)


def test_the_two_ntu_layouts_differ_in_the_hands_only():
    ours, theirs = get_layout('nturgb+d'), get_layout('nturgb+d-ctrgcn')
    differing = [i for i in range(25) if ours.parents[i] != theirs.parents[i]]
    assert [ours.joint_names[i] for i in differing] == ['left_hand_tip', 'right_hand_tip']
    assert ours.joint_names == theirs.joint_names


@pytest.mark.parametrize('name', ['nturgb+d', 'kinect_v1'])
def test_tables_of_hierarchies_are_hop_groups_but_for_the_tips_of_the_hands(name):
    layout = get_layout(name)
    for center, groups in layout.hd_groups.items():
        hops = hop_groups(layout.num_joints, layout.edges, center - 1)
        expected = [{joint + 1 for joint in group} for group in hops]
        if (name, center) == ('nturgb+d', 1):
            expected[-2:] = [expected[-2] | expected[-1]]
        assert [set(group) for group in groups] == expected


def test_unknown_layout_is_named():
    with pytest.raises(ValueError, match=r"unknown layout 'ntu'; known are .*'nturgb\+d'"):
        get_layout('ntu')


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(edges=((0, 1), (2, 1), (4, 1))), r'joint 4 of edge \(4, 1\) is outside 0\.\.3'),
        (dict(edges=((0, 1), (2, 1), (-1, 1))), r'joint -1 of edge'),
        (dict(edges=((0, 1), (2, 1), (3, 1.0))), r'non-integer'),
        (dict(edges=((0, 1), (2, 1), (3, 1, 2))), r'\(3, 1, 2\) is not a pair'),
        (dict(center=7), r'joint 7 of center'),
        (dict(pairs=((0, 9),)), r'joint 9 of left-right pair \(0, 9\)'),
        (dict(edges=((0, 1), (2, 1))), r'disconnected.*centre 1 to the joints \[3\]'),
        (dict(edges=((0, 1), (2, 3))), r'disconnected.*\[2, 3\]'),
        (dict(edges=((0, 1), (2, 1), (3, 1), (1, 2))), r'edge \(1, 2\) is repeated'),
        (dict(edges=((0, 1), (2, 1), (3, 1), (2, 2))), r'edge \(2, 2\) is .* a self-loop'),
        (dict(edges=((0, 1), (2, 1), (1, 3))), r"joints \[3\] are nobody's child"),
        (
            dict(edges=((0, 2), (2, 3), (3, 0), (3, 1))),
            r'joints \[0, 2, 3\] run in a circle',
        ),
        (dict(hd_groups={2: ((2,), (1, 3))}), r'around 2 must .* received \(\(2,\), \(1, 3\)\)'),
        (dict(hd_groups={2: ((1,), (2, 3, 4))}), r'around 2 must begin with that joint'),
        (dict(hd_groups={2: ()}), r'around 2 must'),
        (dict(num_node=5), r'num_node is 5, but 4 joint_names'),
        (dict(colour='red'), r"unknown: \['colour'\]"),
        (dict(inward=((0, 1),)), r"unknown: \['inward'\]"),
        (dict(joint_names=('a',), edges=(), center=0), r'1 joints, needs two'),
    ],
)
def test_unsound_descriptions_name_what_is_wrong(change, message):
    with pytest.raises(ValueError, match=message):
        Layout.from_dict({**TOY, **change})


def test_missing_keys_are_named():
    with pytest.raises(ValueError, match=r"missing: \['joint_names', 'center'\]"):
        Layout.from_dict(dict(edges=((0, 1),)))


def test_something_else_than_a_layout_is_refused():
    with pytest.raises(TypeError, match='received 25'):
        resolve_layout(25)


def test_a_second_parent_is_an_edge_but_not_the_bone():
    layout = Layout.from_dict({**TOY, 'edges': ((0, 1), (2, 1), (3, 2), (3, 1))})
    assert layout.parents == (1, 1, 1, 2)
    assert SkeletonGraph(layout, 'binary_adj').A.sum() == 8


def test_description_in_the_words_of_mmaction():
    inward = [(0, 1), (2, 1), (3, 1)]
    layout = resolve_layout(ConfigDict(num_node=4, inward=inward, center=1))
    assert layout == Layout(
        'custom', ('joint_1', 'joint_2', 'joint_3', 'joint_4'), tuple(inward), 1
    )


def test_centres_of_mass_may_be_written_as_text():
    # JSON and YAML know no integer keys.
    layout = Layout.from_dict({**TOY, 'hd_groups': {'2': [[2], [1, 3, 4]]}})
    assert layout.hd_groups == {2: ((2,), (1, 3, 4))}


def test_registered_layout_is_found_by_name(catalogue):
    layout = register_layout(dict(TOY, name='toy'))
    assert get_layout('toy') is layout
    assert SkeletonGraph('toy').layout is layout
    assert 'toy' in layout_names()


def test_a_taken_name_is_not_overwritten_in_silence(catalogue):
    layout = register_layout(dict(TOY, name='toy'))
    assert register_layout(dict(TOY, name='toy')) == layout  # the same again does no harm
    other = dict(TOY, name='toy', edges=((1, 0), (2, 1), (3, 1)), center=0)
    with pytest.raises(ValueError, match="already called 'toy'"):
        register_layout(other)
    assert get_layout('toy') == layout
    assert register_layout(other, force=True).center == 0
    assert get_layout('toy').center == 0


@pytest.mark.parametrize('name', layout_names())
def test_layouts_survive_workers_and_sets(name):
    layout = get_layout(name)
    assert pickle.loads(pickle.dumps(layout)) == layout == copy.deepcopy(layout)
    assert len({layout, copy.deepcopy(layout)}) == 1


def test_usual_layouts_have_their_number_of_joints() -> None:
    for num_joints in (17, 18, 20, 25):
        assert get_layout(usual_layout(num_joints)).num_joints == num_joints
    assert usual_layout(7) is None


def test_layouts_that_a_graph_and_its_data_cannot_share():
    toy = Layout.from_dict(dict(TOY, name='toy'))
    assert conflict(toy, toy) is None
    assert conflict(toy, Layout.from_dict(dict(TOY, name='other'))) is None
    fewer = Layout.from_dict(dict(name='fewer', joint_names=('a', 'b'), edges=((0, 1),), center=1))
    assert conflict(toy, fewer) == "'toy' has 4 joints, 'fewer' 2"
    renamed = Layout.from_dict(dict(TOY, name='renamed', joint_names=('a', 'b', 'x', 'd')))
    assert conflict(toy, renamed) == "joint 2 is 'c' in 'toy', 'x' in 'renamed'"
    edges = ((0, 1), (2, 1), (3, 2))
    assert conflict(toy, Layout.from_dict(dict(TOY, name='other', edges=edges))) is None
    assert 'toy' in (conflict(toy, Layout.from_dict(dict(TOY, name='toy', edges=edges))) or '')
