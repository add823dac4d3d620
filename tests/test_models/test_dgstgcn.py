"""DG-STGCN: both dynamic convolutions against their formulas, its graph, its initial values."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmcl_ext.models import DGSTGCN
from mmcl_ext.models.backbones.feature_taps import tapped
from mmcl_ext.models.layers.dynamic_graph_conv import DynamicGraphConv
from mmcl_ext.models.layers.dynamic_temporal_conv import DynamicTemporalConv
from test_models.families import build, converters
from test_models.helpers import fill, fixture, ours, wave

RANDOM = dict(type='SkeletonGraph', layout='nturgb+d', mode='random')


def test_graph_conv_is_the_formula() -> None:
    layer = fill(DynamicGraphConv(3, 16, torch.zeros(3, 5, 5))).eval()
    x = wave(2, 3, 5, 4)
    a, b = layer.relation(x.mean(-1)).view(2, 2, 3, 2, 5).unbind(1)  # (N, S, R, V)
    value = F.relu(layer.value_bn(layer.value(x))).view(2, 3, 2, 5, 4)
    z = torch.zeros_like(value)
    for n, s, u in np.ndindex(2, 3, 5):
        weights = torch.stack([a[n, s, :, v] @ b[n, s, :, u] for v in range(5)]).softmax(0)
        for v in range(5):
            for r in range(2):
                distance = torch.tanh(a[n, s, r, v] - b[n, s, r, u])
                edge = layer.A[s, u, v] + layer.alpha[0] * distance + layer.beta[0] * weights[v]
                z[n, s, r, u] += edge * value[n, s, r, v]
    expected = F.relu(layer.bn(layer.project(z.view(2, 6, 5, 4))) + layer.down(x))
    torch.testing.assert_close(layer(x), expected, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize('training', [False, True])
@pytest.mark.parametrize('stride', [1, 2])
def test_temporal_conv_is_the_formula(stride: int, training: bool) -> None:
    layer = fill(DynamicTemporalConv(16, 5, stride)).train(training)
    x = wave(2, 16, 5, 9)
    extended = torch.cat((x, x.mean(2, keepdim=True)), dim=2)
    parts = layer.reduce(extended)
    parts = F.relu(layer.reduce_bn(parts)).split([6, 2, 2, 2, 2], dim=1)
    branches: list[Tensor] = []
    for dilation, conv, part in zip((1, 2, 3, 4), layer.convs, parts, strict=False):
        padded = F.pad(part, (dilation, dilation))
        taps = [padded[..., dilation * j :][..., : x.shape[-1]] for j in range(3)]
        every = sum(
            torch.einsum('oi,nivt->novt', conv.weight[:, :, 0, j], tap)
            for j, tap in enumerate(taps)
        )
        branches.append((every + conv.bias.view(1, -1, 1, 1))[..., ::stride])
    padded = F.pad(parts[-1], (1, 1), value=-math.inf)
    branches.append(padded.unfold(-1, 3, 1).amax(-1)[..., ::stride])
    kept = extended[..., ::stride]
    branches.append(F.conv2d(kept, layer.shortcut.weight, layer.shortcut.bias))
    y = torch.cat(branches, dim=1)
    y = torch.stack([y[:, :, v] + layer.fusion[v] * y[:, :, 5] for v in range(5)], dim=2)
    expected = layer.project_bn(layer.project(F.relu(layer.bn(y))))
    torch.testing.assert_close(layer(x), expected, rtol=1e-11, atol=1e-12)


def test_topology_that_protogcn_and_aclnet_contrast(shared: Path) -> None:
    state, data = fixture(shared, 'dgstgcn96_ntu60')
    model = build('dgstgcn96').double().eval()
    model.load_state_dict(converters('dgstgcn96')[0](state))
    with torch.no_grad(), tapped(model.backbone, topology=True) as taps:
        model(ours(data['input'].double()))
    topology = taps.topology(2).mean(dim=(1, 2, 3))
    theirs = data['topology_protogcn_mean_float64'].transpose(1, 2)  # theirs: columns receive
    torch.testing.assert_close(topology, theirs, rtol=0, atol=1e-12)
    flat = data['topology_aclnet_float64'].view(2, 25, 25).transpose(1, 2)
    torch.testing.assert_close(topology, flat, rtol=0, atol=1e-12)


def test_initial_values() -> None:
    np.random.seed(0)
    torch.manual_seed(0)
    backbone = DGSTGCN(RANDOM, num_stages=2, inflate_stages=(2,), down_stages=(2,))
    block = backbone.blocks[1]
    assert block.gcn.A.shape == (8, 25, 25)
    assert block.gcn.A.mean().item() == pytest.approx(0.04, rel=0.05)
    assert block.gcn.A.std().item() == pytest.approx(0.02, rel=0.05)
    assert torch.equal(block.gcn.A, backbone.blocks[0].gcn.A)  # one draw for the network
    for start in (block.gcn.alpha, block.gcn.beta, block.tcn.fusion):
        assert not start.any()
    for conv in (block.gcn.value, block.gcn.down[0], block.tcn.reduce, block.residual.conv):
        fan_in = conv.weight[0].numel()
        assert conv.weight.std().item() == pytest.approx(1 / math.sqrt(3 * fan_in), rel=0.05)
        assert conv.bias.any()
    norms = [module for module in block.modules() if isinstance(module, nn.BatchNorm2d)]
    assert all((norm.weight == 1).all() for norm in norms)


def test_persons_share_one_normalisation() -> None:
    backbone = DGSTGCN(RANDOM, base_channels=16, num_stages=1)
    assert backbone.data_bn.num_features == 75
    assert backbone(torch.zeros(1, 3, 4, 25, 3)).shape == (1, 3, 16, 4, 25)


def test_too_narrow_a_network_is_refused() -> None:
    with pytest.raises(ValueError, match='an eighth of the channels, of 4 none'):
        DGSTGCN(RANDOM, base_channels=4)
