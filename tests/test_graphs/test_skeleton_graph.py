import copy
import pickle
from collections import deque

import numpy as np
import pytest
from mmaction.models.utils.graph import Graph
from safetensors.numpy import load_file

from mmcl_ext.graphs import Layout, SkeletonGraph, get_layout, layout_names
from mmcl_ext.graphs.adjacency import hop_distance
from mmcl_ext.registry import GRAPHS

MMACTION_LAYOUTS = ('nturgb+d', 'coco', 'openpose')
MODES = ('spatial', 'mmaction_spatial', 'stgcn_spatial', 'binary_adj')

# Centre 0 with the children 1 and 2; 3 hangs on 1.
TOY = Layout('toy', ('a', 'b', 'c', 'd'), ((1, 0), (2, 0), (3, 1)), 0)


def _swapped(A):
    """Exchange giver and receiver of every subset."""
    return A.transpose(0, 2, 1)


def _row_receives(A, x):
    return np.einsum('suv,vc->suc', A, x)


def _column_receives(A, x):
    """Aggregate as MMAction2's graph convolutions do: y[w] = sum_v x[v] A[v, w]."""
    return np.einsum('svw,vc->swc', A, x)


def _walk(num_joints, edges, start):
    """Find distances by breadth-first search."""
    distance, queue = {start: 0}, deque([start])
    while queue:
        joint = queue.popleft()
        near = {b for a, b in edges if a == joint} | {a for a, b in edges if b == joint}
        for other in near - distance.keys():
            distance[other] = distance[joint] + 1
            queue.append(other)
    return [distance.get(joint, np.inf) for joint in range(num_joints)]


@pytest.mark.parametrize('name', layout_names())
def test_hop_distance_equals_a_breadth_first_search(name):
    layout = get_layout(name)
    hops = hop_distance(layout.num_joints, layout.edges)
    expected = [_walk(layout.num_joints, layout.edges, i) for i in range(layout.num_joints)]
    np.testing.assert_array_equal(hops, expected)
    limited = hop_distance(layout.num_joints, layout.edges, max_hop=2)
    np.testing.assert_array_equal(limited, np.where(hops <= 2, hops, np.inf))


def test_hop_distance_of_a_split_skeleton_is_infinite():
    np.testing.assert_array_equal(
        hop_distance(3, [(0, 1)]), [[0, 1, np.inf], [1, 0, np.inf], [np.inf, np.inf, 0]]
    )


def test_spatial_by_hand():
    A = SkeletonGraph(TOY, 'spatial').A
    from_children = [[0, 1, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0], [0, 0, 0, 0]]
    from_parent = [[0, 0, 0, 0], [0.5, 0, 0, 0], [0.5, 0, 0, 0], [0, 1, 0, 0]]
    np.testing.assert_array_equal(A, [np.eye(4), from_children, from_parent])
    assert A.dtype == np.float32


def test_mmaction_spatial_by_hand():
    A = SkeletonGraph(TOY, 'mmaction_spatial').A
    from_parent = [[0, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0]]
    from_children = [[0, 0.5, 0.5, 0], [0, 0, 0, 1], [0, 0, 0, 0], [0, 0, 0, 0]]
    np.testing.assert_array_equal(A, [np.eye(4), from_parent, from_children])


def test_stgcn_spatial_by_hand():
    # Joint 0 hears {0, 1, 2}, 1 hears {0, 1, 3}, 2 hears {0, 2}, 3 hears {1, 3}.
    A = SkeletonGraph(TOY, 'stgcn_spatial').A
    own = np.diag(np.float32([1 / 3, 1 / 3, 1 / 2, 1 / 2]))
    not_nearer = np.float32([[0, 1 / 3, 1 / 3, 0], [0, 0, 0, 1 / 3], [0] * 4, [0] * 4])
    nearer = np.float32([[0] * 4, [1 / 3, 0, 0, 0], [1 / 2, 0, 0, 0], [0, 1 / 2, 0, 0]])
    np.testing.assert_array_equal(A, [own, not_nearer, nearer])


def test_binary_adjacency_by_hand():
    A = SkeletonGraph(TOY, 'binary_adj').A
    np.testing.assert_array_equal(A, [[[0, 1, 1, 0], [1, 0, 0, 1], [1, 0, 0, 0], [0, 1, 0, 0]]])


def test_spatial_equals_the_array_of_the_official_ctrgcn(shared):
    # The reference state keeps the adjacency of the first block at its initial value.
    official = load_file(shared / 'parity' / 'ctrgcn_ntu60.safetensors')
    A = SkeletonGraph('nturgb+d-ctrgcn', 'spatial').A
    np.testing.assert_array_equal(A, official['state_dict.l1.gcn1.PA'])
    assert not np.array_equal(SkeletonGraph('nturgb+d').A, A)


def test_sums_of_the_ctrgcn_partition():
    _, from_children, from_parent = SkeletonGraph('nturgb+d-ctrgcn', 'spatial').A
    assert set(from_children.sum(1)) == {0, 1, 2, 4}
    assert set(from_children.sum(0)) == {0, 1}
    assert set(np.unique(from_parent)) == {0, 1 / 4, 1 / 2, 1}
    hand, thumb, tip = 7, 22, 21
    assert from_children[hand, thumb] == from_children[thumb, tip] == 1
    assert from_children[hand, tip] == 0


def test_entries_in_which_the_two_ntu_layouts_differ():
    ours, theirs = SkeletonGraph('nturgb+d').A, SkeletonGraph('nturgb+d-ctrgcn').A
    assert (ours != theirs).sum((1, 2)).tolist() == [0, 4, 6]


@pytest.mark.parametrize('name', MMACTION_LAYOUTS)
@pytest.mark.parametrize(
    ('mode', 'theirs'),
    [
        ('stgcn_spatial', 'stgcn_spatial'),
        ('mmaction_spatial', 'spatial'),
        ('binary_adj', 'binary_adj'),
    ],
)
def test_the_transpose_is_the_array_of_mmaction(name, mode, theirs):
    ours = SkeletonGraph(name, mode).A
    reference = Graph(name, theirs).A
    np.testing.assert_array_equal(_swapped(ours), reference.astype(np.float32))
    x = np.random.default_rng(0).normal(size=(ours.shape[-1], 3))
    np.testing.assert_allclose(_row_receives(ours, x), _column_receives(reference, x), atol=1e-6)


@pytest.mark.parametrize('name', MMACTION_LAYOUTS)
def test_spatial_is_the_array_of_mmaction_untransposed(name):
    ours, reference = SkeletonGraph(name, 'spatial').A, Graph(name, 'spatial').A
    np.testing.assert_array_equal(ours, reference.astype(np.float32))
    x = np.random.default_rng(0).normal(size=(ours.shape[-1], 3))
    assert not np.allclose(_row_receives(ours, x), _column_receives(reference, x), atol=1e-2)


@pytest.mark.parametrize('name', layout_names())
def test_both_spatial_partitions_have_the_same_edges(name):
    ours = SkeletonGraph(name, 'spatial').A
    theirs = SkeletonGraph(name, 'mmaction_spatial').A[[0, 2, 1]]
    np.testing.assert_array_equal(ours > 0, theirs > 0)
    child_sum, parent_share = ours[1:]
    child_mean, parent = theirs[1:]
    np.testing.assert_allclose(child_mean, parent_share.T)
    np.testing.assert_array_equal(parent, child_sum.T)


@pytest.mark.parametrize('name', MMACTION_LAYOUTS)
@pytest.mark.parametrize('max_hop', [2, 3])
def test_wider_partitions_are_those_of_mmaction(name, max_hop):
    ours = SkeletonGraph(name, 'stgcn_spatial', max_hop=max_hop).A
    reference = Graph(name, 'stgcn_spatial', max_hop=max_hop).A
    assert len(ours) == 1 + 2 * max_hop
    np.testing.assert_array_equal(_swapped(ours), reference.astype(np.float32))


def test_counts_of_the_stgcn_partition():
    A = SkeletonGraph('nturgb+d', 'stgcn_spatial').A
    assert (A != 0).sum((1, 2)).tolist() == [25, 40, 8]


@pytest.mark.parametrize('name', layout_names())
def test_partitions_with_normalised_rows_average(name):
    whole = SkeletonGraph(name, 'stgcn_spatial').A.sum(0)
    np.testing.assert_allclose(whole.sum(1), 1, rtol=1e-6)
    for subset in SkeletonGraph(name, 'mmaction_spatial').A:
        receives = subset.any(1)
        np.testing.assert_allclose(subset.sum(1), receives, rtol=1e-6)


@pytest.mark.parametrize('mode', MODES)
def test_renaming_the_joints_moves_rows_and_columns(mode):
    layout = get_layout('nturgb+d')
    new = np.random.default_rng(1).permutation(25)  # joint i becomes joint new[i]
    names = tuple(layout.joint_names[i] for i in np.argsort(new))
    edges = tuple((int(new[a]), int(new[b])) for a, b in layout.edges)
    moved = Layout('moved', names, edges, int(new[layout.center]))
    A, B = SkeletonGraph(layout, mode).A, SkeletonGraph(moved, mode).A
    np.testing.assert_array_equal(B[:, new[:, None], new[None, :]], A)


def test_random_values_are_those_of_numpys_generator():
    np.random.seed(3)
    A, other = (SkeletonGraph('coco', 'random').A for _ in range(2))
    assert A.shape == (8, 17, 17)
    assert A.dtype == np.float32
    assert A.mean() == pytest.approx(0.04, abs=0.002)
    assert A.std() == pytest.approx(0.02, abs=0.002)
    assert not np.array_equal(A, other)
    np.random.seed(3)
    np.testing.assert_array_equal(SkeletonGraph('coco', 'random').A, A)
    wide = SkeletonGraph('coco', 'random', num_filter=2, init_off=1, init_std=0).A
    np.testing.assert_array_equal(wide, np.ones((2, 17, 17)))


@pytest.mark.parametrize(
    ('kwargs', 'message'),
    [
        (dict(layout='ntu'), "unknown layout 'ntu'"),
        (dict(layout='coco', mode='chance'), "unknown mode 'chance'"),
        (dict(layout='coco', mode='random', num_filter=0), 'num_filter=0 is not possible'),
        (dict(layout='coco', mode='spatial', num_filter=3), 'num_filter=3 is not possible'),
        (dict(layout='coco', mode='random', max_hop=2), 'max_hop=2 is not possible'),
        (dict(layout='coco', mode='spatial', max_hop=2), 'max_hop=2 is not possible'),
        (dict(layout='coco', mode='stgcn_spatial', max_hop=0), 'max_hop=0 is not possible'),
    ],
)
def test_impossible_graphs_name_the_value(kwargs, message):
    with pytest.raises(ValueError, match=message):
        SkeletonGraph(**kwargs)


def test_graph_from_a_configuration_with_its_own_layout():
    layout = dict(num_node=3, edges=[(0, 1), (2, 1)], center=1)
    graph = GRAPHS.build(dict(type='SkeletonGraph', layout=layout, mode='spatial'))
    assert graph.num_joints == 3
    np.testing.assert_array_equal(graph.A[1], [[0, 0, 0], [1, 0, 1], [0, 0, 0]])


def test_graphs_own_their_array_and_can_be_copied():
    graph = SkeletonGraph('coco')
    graph.A[:] = 0
    assert SkeletonGraph('coco').A.any()
    assert "layout='coco'" in repr(pickle.loads(pickle.dumps(copy.deepcopy(graph))))
