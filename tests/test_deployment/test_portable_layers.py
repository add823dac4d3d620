"""The exported form of CTR-GCN gives the logits of the network it was made from."""

import pytest
import torch

from mmcl_ext.deployment.portable import PortableModel
from mmcl_ext.deployment.portable_layers import PortableGraphConv, with_portable_layers
from mmcl_ext.models.layers.ctr_graph_conv import CTRGraphConv
from test_deployment.test_empty_persons import BACKBONES, relative, trained
from test_deployment.test_optimize import recognizer


@pytest.mark.parametrize('channels', [(3, 8), (8, 8), (24, 16)])
@pytest.mark.parametrize('subsets', [1, 3])
@torch.inference_mode()
def test_equal_features(channels: tuple[int, int], subsets: int) -> None:
    torch.manual_seed(0)
    # Not symmetric: a receiver taken for a sender would show.
    layer = CTRGraphConv(*channels, torch.rand(subsets, 5, 5)).double()
    trained(layer)
    layer.alpha.fill_(0.7)
    x = torch.randn(3, channels[0], 5, 6, dtype=torch.double)
    expected = layer(x)
    assert relative(PortableGraphConv(layer)(x), expected) <= 1e-12
    layer.alpha.fill_(0.0)
    assert relative(layer(x), expected) > 1e-3  # the refinement counts in this test


@torch.inference_mode()
def test_portable_model_replaces_layers_in_a_copy() -> None:
    model = recognizer(BACKBONES['ctrgcn']())
    portable = PortableModel(model, 12)
    for network, present, absent in (
        (portable, PortableGraphConv, CTRGraphConv),
        (model, CTRGraphConv, PortableGraphConv),
    ):
        kinds = [type(module) for module in network.modules()]
        assert kinds.count(present) == 3
        assert absent not in kinds


def test_other_networks_are_copied_as_they_are() -> None:
    backbone = BACKBONES['stgcn']().train()
    copied = with_portable_layers(backbone)
    assert backbone.training
    assert not copied.training
    assert [type(m) for m in copied.modules()] == [type(m) for m in backbone.modules()]
