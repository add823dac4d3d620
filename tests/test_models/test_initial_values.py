"""Initial values of whole networks, read off the published convolutions."""

import math

import pytest
import torch

from mmcl_ext.models import CTRSGCN, HDGCN, InfoGCN
from mmcl_ext.registry import GRAPHS
from test_models.helpers import NTU

UNION = dict(type='HDGraph', layout='nturgb+d', center=1, flatten='union')


@pytest.mark.parametrize(
    ('graph', 'topology', 'identity'),
    [
        (NTU, 'auto', True),
        (NTU, 'graph', False),
        (UNION, 'auto', False),
        (UNION, 'identity', True),
    ],
)
def test_ctrsgcn_topology(graph: dict, topology: str, identity: bool) -> None:
    unit = CTRSGCN(graph, topology=topology, num_stages=1).blocks[0].gcn
    expected = torch.eye(25).expand(3, 25, 25)
    if not identity:
        expected = torch.from_numpy(GRAPHS.build(graph).A)
    assert torch.equal(unit.A, expected)
    lengths = unit.topology().norm(dim=-1)
    rows = expected.norm(dim=-1)
    torch.testing.assert_close(lengths, rows / (rows + 1e-4))


def test_ctrsgcn_refuses_other_topologies() -> None:
    with pytest.raises(ValueError, match="got 'random'"):
        CTRSGCN(NTU, topology='random')


def test_ctrsgcn_spread() -> None:
    torch.manual_seed(0)
    block = CTRSGCN(NTU, num_stages=2).blocks[1]
    assert block.gcn.conv.weight.std().item() == pytest.approx(math.sqrt(2 / (64 * 64 * 3)), 0.05)
    assert block.tcn.conv.weight.std().item() == pytest.approx(math.sqrt(2 / (64 * 5)), rel=0.05)
    assert block.gcn.bn.weight.unique().tolist() == pytest.approx([1e-6])
    assert block.tcn.bn.weight.unique().tolist() == [1]
    assert not block.gcn.conv.biases.any()


def test_infogcn_spread() -> None:
    torch.manual_seed(0)
    backbone = InfoGCN(NTU, num_stages=1)
    unit, tcn = backbone.blocks[0].gcn, backbone.blocks[0].tcn
    assert unit.to_qk.weight.std().item() == pytest.approx(1, rel=0.05)
    assert unit.conv.weight.std().item() == pytest.approx(math.sqrt(2 / (64 * 64 * 3)), rel=0.05)
    assert torch.equal(unit.A, torch.eye(25).expand(3, 25, 25))
    assert unit.bn.weight.unique().tolist() == pytest.approx([1e-6])
    assert tcn.bn.weight.unique().tolist() == [1]
    assert tcn.reduce.weight.std().item() == pytest.approx(1 / math.sqrt(3 * 64), rel=0.05)
    assert backbone.position.std().item() == pytest.approx(1, rel=0.05)


def test_hdgcn_spread() -> None:
    torch.manual_seed(0)
    graph = dict(type='HDGraph', layout='nturgb+d', center=1, flatten=None)
    unit = HDGCN(graph, num_stages=2).blocks[1].gcn
    expected = math.sqrt(2 / 16)  # each published convolution has 64 / 4 outputs
    for conv in (unit.conv_down, unit.conv, unit.edge_conv.conv, unit.aggregation.conv_down[0]):
        assert conv.weight.std().item() == pytest.approx(expected, rel=0.05)
    assert unit.aggregation.aggregate.weight.std().item() < 0.2
    assert unit.bn.weight.unique().tolist() == pytest.approx([1e-6])
    assert unit.conv_bn.weight.unique().tolist() == [1]
