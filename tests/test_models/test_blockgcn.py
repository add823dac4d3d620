"""BlockGCN: its layer and its topology against the formulas, and the faults that it repairs."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial.distance import cdist

from mmcl_ext.deployment.portable import takes_persons
from mmcl_ext.models import BlockGCN, GCNHead, SkeletonDataPreprocessor, SkeletonRecognizer
from mmcl_ext.models.layers.block_graph_conv import BlockGraphConv
from mmcl_ext.models.layers.skeleton_topology import SkeletonTopology, tree_lengths
from test_models.families import build, converters
from test_models.helpers import fill, fixture, ours, relative_error, wave

GRAPH = dict(type='mmcl_ext.SkeletonGraph', layout='nturgb+d', mode='spatial')
SMALL = dict(base_channels=16, num_stages=2, inflate_stages=(2,), down_stages=(2,))


def network(**kwargs: object) -> BaseModule:
    return fill(BlockGCN(GRAPH, **SMALL, **kwargs)).eval()


def test_graph_conv_is_the_formula() -> None:
    hops = torch.tensor([[0, 1, 2], [1, 0, 1], [2, 1, 0]])
    layer = fill(BlockGraphConv(4, 8, hops, heads=2, subsets=2)).eval()
    x = wave(2, 4, 3, 5)
    weight = layer.conv.weight.view(2, 4, 2, 2)  # head, output, input, subset
    y = torch.zeros(2, 2, 4, 3, 5).double()
    for k, h in np.ndindex(2, 2):
        P = layer.distance[k, h][hops]
        B = layer.A[k, h] / (layer.A[k, h].norm(dim=1, keepdim=True) + 1e-4)
        B = B + P / (P.norm(dim=1, keepdim=True) + 1e-4)
        heads = x.view(2, 2, 2, 3, 5)[:, h]
        y[:, h] += torch.einsum('oi,uv,nivt->nout', weight[h, :, :, k], B, heads)
        y[:, h] += layer.conv.biases[k].view(2, 4)[h][None, :, None, None]
    expected = F.relu(layer.bn(y.flatten(1, 2)) + layer.down(x))
    torch.testing.assert_close(layer(x), expected, rtol=1e-11, atol=1e-12)


def test_hops_are_those_of_the_bones() -> None:
    hops = BlockGCN(GRAPH, **SMALL).hops()
    assert hops.max() == 11
    assert (hops.diagonal() == 0).all()
    assert hops[3, 20] == 2
    assert torch.equal(hops, hops.T)


def test_tree_lengths_are_those_of_scipy() -> None:
    points = torch.from_numpy(np.random.default_rng(0).normal(size=(4, 12, 5)))
    for one, found in zip(points.numpy(), tree_lengths(points), strict=True):
        wanted = minimum_spanning_tree(cdist(one, one)).data
        np.testing.assert_allclose(found.sort().values, np.sort(wanted), rtol=1e-12)


def test_topology_of_the_authors(shared: Path) -> None:
    state, data = fixture(shared, 'blockgcn_topo_ntu60')
    model = build('blockgcn_topo').double().eval()
    model.load_state_dict(converters('blockgcn_topo')[0](state))
    x = ours(data['input'].double())['keypoint'].squeeze(1)
    assert relative_error(model.backbone.topology(x), data['topology_float64']) <= 1e-7
    both = dict(keypoint=torch.cat((x, ours(data['joint_other'].double())['keypoint'][:, 0]), -1))
    model = build('blockgcn_topo', in_channels=6, joint_channels=3).double().eval()
    model.load_state_dict(converters('blockgcn_topo')[0](state))
    with torch.no_grad():
        output = model({key: value.unsqueeze(1) for key, value in both.items()})
    assert relative_error(output, data['output_joint_other_float64']) <= 1e-6


def test_clips_and_persons_of_a_batch_do_not_mix() -> None:
    backbone = network()
    x = wave(3, 2, 6, 25, 3)
    x[1] *= 7
    with torch.no_grad():
        together = backbone(x)
        for n in range(3):
            torch.testing.assert_close(together[n], backbone(x[n : n + 1])[0], rtol=1e-9, atol=1e-9)


def test_coincident_joints_and_nobody_have_a_topology() -> None:
    topology = SkeletonTopology(4).double()
    x = wave(1, 2, 6, 25, 3)
    x[..., 7, :] = x[..., 6, :]
    lengths = tree_lengths(cdist_of(x))
    assert (lengths == 0).sum() == 1
    for clip in (x, torch.zeros_like(x), torch.ones_like(x)):
        clip.requires_grad_(True)
        vector = topology(clip)
        assert vector.isfinite().all()
        assert torch.autograd.grad(vector.sum(), clip)[0].isfinite().all()
    others = torch.cat((x.detach(), torch.randn_like(x), torch.zeros_like(x)))
    torch.testing.assert_close(topology(others)[:1], topology(x), rtol=1e-12, atol=0)


def cdist_of(x: torch.Tensor) -> torch.Tensor:
    from mmcl_ext.models.layers.skeleton_topology import joint_distances

    return joint_distances(x)


@pytest.mark.parametrize('topology', [False, True])
def test_empty_persons_cost_nothing_without_topology(topology: bool) -> None:
    backbone = network(topology=topology)
    x = wave(2, 2, 6, 25, 3)
    x[:, 1] = 0
    seen: list[int] = []
    backbone.blocks[0].register_forward_pre_hook(lambda _, args: seen.append(len(args[0])))
    with torch.no_grad():
        backbone(x)
        backbone(x)
    assert seen == ([4, 4] if topology else [3, 2])
    model = SkeletonRecognizer(backbone, GCNHead(4, 32), SkeletonDataPreprocessor())
    assert takes_persons(model) is not topology


def test_joint_channels_that_cannot_be_are_refused() -> None:
    for wrong in (dict(joint_channels=3), dict(in_channels=6, joint_channels=3, topology=False)):
        with pytest.raises(ValueError, match='joint_channels=3 of in_channels='):
            BlockGCN(GRAPH, **SMALL, **wrong)
