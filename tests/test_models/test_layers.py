"""Layers against their formulas, written the long way."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmcl_ext.models.layers.ctr_graph_conv import CTRGraphConv
from mmcl_ext.models.layers.multi_scale_temporal_conv import MultiScaleTemporalConv
from mmcl_ext.models.layers.temporal_conv import TemporalConv
from test_models.helpers import fill, wave


def ctr_formula(layer: CTRGraphConv, x: Tensor) -> Tensor:
    """Evaluate CTR-GC subset by subset, the temporal mean after the projections."""
    subsets = layer.A.shape[0]
    projections = layer.relation.weight.chunk(2 * subsets)
    offsets = layer.relation.bias.chunk(2 * subsets)
    y = 0
    for k in range(subsets):
        a, b = (
            F.conv2d(x, projections[side][..., None], offsets[side]).mean(-1)
            for side in (k, subsets + k)
        )
        z = F.conv2d(x, layer.value.weight[k::subsets], layer.value.bias[k::subsets])
        distance = torch.tanh(a[..., :, None] - b[..., None, :])
        refined = F.conv2d(
            distance, layer.refine.weight.chunk(subsets)[k], layer.refine.bias.chunk(subsets)[k]
        )
        topology = layer.alpha * refined + layer.A[k]
        y = y + torch.einsum('ncuv,ncvt->ncut', topology, z)
    return torch.relu(layer.bn(y) + layer.down(x))


@pytest.mark.parametrize(('channels', 'out'), [(3, 8), (32, 32)])
@pytest.mark.parametrize('subsets', [1, 3, 4])
def test_ctr_graph_conv_is_the_formula(channels: int, out: int, subsets: int) -> None:
    layer = fill(CTRGraphConv(channels, out, torch.zeros(subsets, 5, 5))).eval()
    x = wave(2, channels, 5, 7)
    torch.testing.assert_close(layer(x), ctr_formula(layer, x), rtol=1e-11, atol=1e-12)


def test_ctr_rows_receive() -> None:
    """A joint whose row is the only one with an entry is the only one that hears anything."""
    topology = torch.zeros(1, 4, 4)
    topology[0, 2, 1] = 1
    layer = CTRGraphConv(8, 8, topology).eval()
    nn.init.ones_(layer.bn.weight)
    x = torch.zeros(1, 8, 4, 3)
    x[:, :, 1] = 1
    heard = (layer(x) - layer(torch.zeros_like(x)) - x.relu()).abs().sum(dim=(0, 1, 3))
    assert (heard > 0).tolist() == [False, False, True, False]


def multi_scale_formula(layer: MultiScaleTemporalConv, x: Tensor) -> Tensor:
    """Evaluate every branch by itself, from all frames, in evaluation."""

    def normalise(y: Tensor, norm: nn.BatchNorm2d, part: slice) -> Tensor:
        moments = (norm.running_mean[part], norm.running_var[part])
        return F.batch_norm(y, *moments, norm.weight[part], norm.bias[part], eps=norm.eps)

    outputs = []
    parts = [slice(i * layer.width, (i + 1) * layer.width) for i in range(len(layer.convs) + 2)]
    for part, step in zip(parts[:-1], [*layer.convs, layer.pool], strict=True):
        h = F.conv2d(x, layer.reduce.weight[part], layer.reduce.bias[part])
        h = normalise(h, layer.reduce_bn, part).relu()
        outputs.append(normalise(step(h), layer.bn, part))
    outputs.append(normalise(layer.shortcut(x), layer.bn, parts[-1]))
    return torch.cat(outputs, dim=1)


@pytest.mark.parametrize('stride', [1, 2, 3])
@pytest.mark.parametrize('frames', [6, 7, 9])
@pytest.mark.parametrize('dilations', [(1, 2), (2, 4, 3)])
def test_multi_scale_is_the_formula(stride: int, frames: int, dilations: tuple) -> None:
    width = 4 * (len(dilations) + 2)
    layer = fill(MultiScaleTemporalConv(6, width, stride=stride, dilations=dilations)).eval()
    x = wave(2, 6, 3, frames)
    expected = multi_scale_formula(layer, x)
    assert expected.shape == (2, width, 3, math.ceil(frames / stride))
    torch.testing.assert_close(layer(x), expected, rtol=1e-12, atol=1e-12)


def test_multi_scale_trains_on_the_statistics_of_all_frames() -> None:
    """The frames that a dilated branch skips still belong to its batch statistics."""
    layer = fill(MultiScaleTemporalConv(4, 8, stride=2)).train()
    x = wave(2, 4, 3, 8)
    h = F.conv2d(x, layer.reduce.weight, layer.reduce.bias)
    before = layer.reduce_bn.running_mean.clone()
    layer(x)
    expected = 0.9 * before + 0.1 * h.mean(dim=(0, 2, 3))
    torch.testing.assert_close(layer.reduce_bn.running_mean, expected)


def test_relu_after_concat() -> None:
    plain = fill(MultiScaleTemporalConv(4, 8)).eval()
    closed = fill(MultiScaleTemporalConv(4, 8, relu_after_concat=True)).eval()
    x = wave(1, 4, 3, 6)
    assert plain(x).min() < 0
    torch.testing.assert_close(closed(x), plain(x).relu(), rtol=0, atol=0)


def test_multi_scale_refuses_uneven_branches() -> None:
    with pytest.raises(ValueError, match='out_channels=10 cannot be shared evenly by 4'):
        MultiScaleTemporalConv(4, 10)
    with pytest.raises(ValueError, match="got 'zeros'"):
        MultiScaleTemporalConv(4, 8, init='zeros')


@pytest.mark.parametrize('frames', [5, 6])
def test_temporal_conv_halves_the_frames_upwards(frames: int) -> None:
    for kernel in (1, 5, 9):
        assert TemporalConv(2, 4, kernel, stride=2)(torch.zeros(1, 2, 3, frames)).shape[-1] == 3


def spread(weight: Tensor) -> float:
    return float(weight.detach().std())


def test_initial_spread_is_that_of_the_published_convolutions() -> None:
    """Kaiming over the outputs of ONE published convolution: sqrt(2 / (C_out * k))."""
    torch.manual_seed(0)
    layer = CTRGraphConv(64, 64, torch.eye(25).expand(3, 25, 25))
    assert spread(layer.relation.weight) == pytest.approx(math.sqrt(2 / 8), rel=0.05)
    assert spread(layer.value.weight) == pytest.approx(math.sqrt(2 / 64), rel=0.05)
    assert spread(layer.refine.weight) == pytest.approx(math.sqrt(2 / 64), rel=0.05)
    assert layer.alpha.item() == 0
    assert layer.bn.weight.unique().tolist() == pytest.approx([1e-6])
    tcn = MultiScaleTemporalConv(256, 256)
    assert spread(tcn.reduce.weight) == pytest.approx(math.sqrt(2 / 64), rel=0.05)
    assert spread(tcn.shortcut.weight) == pytest.approx(math.sqrt(2 / 64), rel=0.05)
    assert spread(tcn.convs[1].weight) == pytest.approx(math.sqrt(2 / (64 * 5)), rel=0.05)
    assert spread(tcn.bn.weight) == pytest.approx(0.02, rel=0.2)
    assert spread(tcn.reduce_bn.weight) == pytest.approx(0.02, rel=0.2)
    biases = (layer.relation, layer.value, layer.refine, tcn.reduce, tcn.shortcut, *tcn.convs)
    assert all(not module.bias.any() for module in biases)
    default = MultiScaleTemporalConv(256, 256, init='default')
    assert spread(default.reduce.weight) == pytest.approx(1 / math.sqrt(3 * 256), rel=0.05)
