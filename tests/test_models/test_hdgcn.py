"""HD-GCN: edge convolution, levels, and their weights."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmcl_ext.models import HDGCN
from mmcl_ext.models.layers.edge_conv import EdgeConv
from mmcl_ext.models.layers.hierarchy_aggregation import HierarchyAggregation
from mmcl_ext.models.layers.hierarchy_graph_conv import HierarchyGraphConv
from test_models.helpers import fill, wave


def edge_formula(layer: EdgeConv, x: Tensor) -> Tensor:
    """Evaluate one node and group at a time, differences first."""
    n, _, nodes = x.shape
    groups = layer.conv.groups
    weight = layer.conv.weight.flatten(1).chunk(groups)
    features = x.unflatten(1, (groups, -1))
    edges = torch.zeros(n, len(layer.conv.weight), nodes, layer.k, dtype=x.dtype)
    for sample in range(n):
        for group in range(groups):
            points = features[sample, group].T  # (V, C)
            order = torch.cdist(points, points).argsort(dim=1)[:, : layer.k]
            part = slice(group * points.shape[1], (group + 1) * points.shape[1])
            for i in range(nodes):
                for rank, j in enumerate(order[i]):
                    edge = torch.cat((points[j] - points[i], points[i]))
                    edges[sample, part, i, rank] = weight[group] @ edge
    return F.leaky_relu(layer.bn(edges), 0.2).amax(dim=-1)


@pytest.mark.parametrize('groups', [1, 3])
@pytest.mark.parametrize('training', [False, True])
def test_edge_conv_is_the_formula(groups: int, training: bool) -> None:
    layer = fill(EdgeConv(4, k=3, groups=groups)).train(training)
    x = wave(2, 4 * groups, 6)
    torch.testing.assert_close(layer(x), edge_formula(layer, x), rtol=1e-10, atol=1e-12)


def test_edge_conv_takes_all_nodes_where_there_are_few() -> None:
    assert EdgeConv(4, k=5)(torch.randn(2, 4, 3)).shape == (2, 4, 3)


def hierarchy_formula(layer: HierarchyGraphConv, x: Tensor) -> Tensor:
    """Evaluate level by level and subset by subset, aggregating before projecting."""
    levels, subsets, _, _ = layer.A.shape
    width = layer.bn.num_features // (subsets + 1)
    hidden = layer.bn_down(layer.conv_down(x)).relu()
    weight, bias = layer.conv.weight.flatten(1), layer.conv.bias
    parts = []
    for level in range(levels):
        h = hidden[:, level * width : (level + 1) * width]
        for k in range(subsets):
            at = slice((level * subsets + k) * width, (level * subsets + k + 1) * width)
            received = torch.einsum('uv,ncvt->ncut', layer.A[level, k], h)
            parts.append(F.conv2d(received, weight[at][..., None, None], bias[at]))
    spatial = layer.conv_bn(torch.cat(parts, dim=1)).unflatten(1, (levels, -1))
    edge = layer.edge_conv(hidden.mean(-1)).unflatten(1, (levels, -1))
    edge = edge.unsqueeze(-1).expand(*edge.shape, x.shape[-1])
    y = torch.cat((spatial, edge), dim=2)  # (N, L, C', V, T)
    if layer.aggregation is not None:
        gates = layer.aggregation(y.amax(dim=-1).transpose(1, 2))  # (N, C', L)
        y = y * gates.transpose(1, 2)[..., None, None]
    return torch.relu(layer.bn(y.sum(dim=1)) + layer.down(x))


@pytest.mark.parametrize('weighted', [False, True])
@pytest.mark.parametrize('channels', [6, 16])
def test_hierarchy_graph_conv_is_the_formula(weighted: bool, channels: int) -> None:
    levels = [[0, 1, 2], [1, 2, 3, 4], [3, 4, 5]] if weighted else None
    layer = fill(HierarchyGraphConv(channels, 16, torch.zeros(3, 3, 6, 6), levels)).eval()
    x = wave(2, channels, 6, 5)
    torch.testing.assert_close(layer(x), hierarchy_formula(layer, x), rtol=1e-10, atol=1e-12)


def test_levels_are_averaged_over_their_own_joints() -> None:
    layer = HierarchyAggregation(4, [[0, 1], [1, 2, 3]], 4).double().eval()
    nn.init.ones_(layer.conv_down[0].weight)
    nn.init.zeros_(layer.conv_down[0].bias)
    layer.conv_down[1].eps = 1e-30
    seen = []
    layer.edge_conv.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    peaks = torch.zeros(1, 4, 2, 4, dtype=torch.float64)
    peaks[0, 0] = torch.tensor([[1.0, 3.0, 99.0, 99.0], [99.0, 2.0, 4.0, 9.0]])
    gates = layer(peaks)
    assert seen[0].flatten().tolist() == pytest.approx([2.0, 5.0])
    assert gates.shape == (1, 4, 2)
    assert 0 < gates.min() <= gates.max() < 1


@pytest.mark.parametrize('center', [1, 2, 21])
def test_every_centre_of_mass(center: int) -> None:
    graph = dict(type='HDGraph', layout='nturgb+d', center=center, flatten=None)
    backbone = HDGCN(graph)
    assert sum(p.numel() for p in backbone.parameters()) == 1_659_980 - 15_420
    unit = backbone.blocks[1].gcn
    assert torch.equal(unit.A.detach(), torch.from_numpy(backbone.graph.A))
    groups = backbone.graph.groups
    members = [set(row.nonzero().flatten().tolist()) for row in unit.aggregation.members]
    joined = [{joint - 1 for joint in (*groups[i], *groups[i + 1])} for i in range(6)]
    assert members == joined
    assert backbone.blocks[0].gcn.aggregation is None


@pytest.mark.parametrize(('center', 'parameters'), [(1, 1_606_450), (3, 1_606_450), (2, 1_453_282)])
def test_parameters_of_20_joints(center: int, parameters: int) -> None:
    graph = dict(type='HDGraph', layout='kinect_v1', center=center, flatten=None)
    backbone = HDGCN(graph, num_person=1)
    assert sum(p.numel() for p in backbone.parameters()) + 2_570 == parameters
