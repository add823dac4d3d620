"""LA-GCN: the layer that sees several hops, against the sum over powers of its topologies."""

import torch
import torch.nn.functional as F

from mmcl_ext.models import LAGCN
from mmcl_ext.models.layers.ctr_graph_conv import CTRGraphConv
from mmcl_ext.models.layers.khop_graph_conv import KHopGraphConv
from test_models.helpers import NTU, fill, wave


def test_hops_are_powers_of_the_topologies() -> None:
    layer = fill(KHopGraphConv(4, 6, torch.zeros(3, 5, 5))).eval()
    layer.alpha.data.fill_(0.6)
    x = wave(2, 4, 5, 7)
    topology = layer.topology(x)  # (N, C', V, S, V)
    value = layer.value(x).view(2, 6, 3, 5, 7)
    y = torch.zeros(2, 6, 5, 7).double()
    for k in range(3):
        M = topology[:, :, :, k]
        total = sum(0.15 * 0.85**i * torch.linalg.matrix_power(M, i) for i in range(5))
        y += total @ value[:, :, k]
    expected = F.relu(layer.bn(y) + layer.down(x))
    torch.testing.assert_close(layer(x), expected, rtol=1e-11, atol=1e-12)


def test_only_the_first_layer_sees_hops() -> None:
    backbone = LAGCN(NTU, base_channels=16)
    kinds = [type(block.gcn) for block in backbone.blocks]
    assert kinds == [KHopGraphConv, *[CTRGraphConv] * 8]
    assert backbone.blocks[0].residual is not None
    assert backbone.out_channels == 64
