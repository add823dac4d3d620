"""The wrapped networks of MMAction2."""

import pytest
import torch
from mmaction import models as mma
from mmengine.registry import DefaultScope
from torch import nn

from mmcl_ext.models import AAGCN, STGCN

MODES = [('mmaction_spatial', 'spatial'), ('stgcn_spatial',) * 2, ('binary_adj',) * 2]
STGCNPP = dict(gcn_adaptive='init', gcn_with_res=True, tcn_type='mstcn')
PAIRS = [
    (STGCN, mma.STGCN, {}),
    (STGCN, mma.STGCN, STGCNPP),
    (
        STGCN,
        mma.STGCN,
        dict(data_bn_type='MVC', gcn_adaptive='offset', gcn_conv_pos='post'),
    ),
    (AAGCN, mma.AAGCN, {}),
    (AAGCN, mma.AAGCN, dict(gcn_attention=False)),
]


@pytest.mark.parametrize(('layout', 'joints'), [('nturgb+d', 25), ('coco', 17), ('openpose', 18)])
@pytest.mark.parametrize(('ours', 'theirs', 'kwargs'), PAIRS)
@pytest.mark.parametrize(('mode', 'their_mode'), MODES)
def test_equal_bit_for_bit(
    layout: str,
    joints: int,
    ours: type,
    theirs: type,
    kwargs: dict,
    mode: str,
    their_mode: str,
) -> None:
    kwargs = dict(kwargs, num_stages=2, base_channels=12, down_stages=(2,))
    networks: list[nn.Module] = []
    for network, graph in (
        (ours, dict(type='SkeletonGraph', layout=layout, mode=mode)),
        (theirs, dict(layout=layout, mode=their_mode)),
    ):
        torch.manual_seed(0)
        networks.append(network(graph_cfg=graph, **kwargs))
    own, reference = networks
    assert own.fast_training
    state, expected = own.state_dict(), reference.state_dict()
    assert list(state) == list(expected)
    assert all(torch.equal(state[key], expected[key]) for key in state)
    x = torch.randn(2, 2, 7, joints, 3)
    own.fast_training = False  # its layers round in another way
    assert torch.equal(own(x), reference(x))
    own.fast_training = True
    torch.testing.assert_close(own(x), reference(x), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ('network', 'kwargs', 'parameters'),
    [(STGCN, {}, 3_083_412), (STGCN, STGCNPP, 1_387_724), (AAGCN, {}, 3_766_248)],
)
def test_parameters(network: type, kwargs: dict, parameters: int) -> None:
    graph = dict(type='SkeletonGraph', layout='nturgb+d', mode='spatial')
    backbone = network(graph_cfg=graph, **kwargs)
    assert sum(p.numel() for p in backbone.parameters()) == parameters
    assert backbone.out_channels == 256


def test_a_joint_hears_along_its_row() -> None:
    """Our arrays are row-receives, MMAction2 sums over rows: the wrapper transposes."""
    graph = dict(type='HDGraph', layout='nturgb+d', center=1, flatten='union')
    backbone = STGCN(graph, num_stages=1, gcn_adaptive=None)
    unit = backbone.gcn[0].gcn.eval()
    x = torch.zeros(1, 3, 1, 25)
    x[..., 1] = 1  # joint 2, of the group next to the centre
    heard = (unit(x) - unit(torch.zeros_like(x))).abs().sum(dim=(0, 1, 2)) > 0
    forward = torch.from_numpy(backbone.graph.A).sum(dim=0)[:, 1] > 0
    assert torch.equal(heard, forward)
    assert heard.sum() == 5  # itself, the centre, and the group of joints 14, 18, 21


@pytest.mark.parametrize('scope', [None, 'mmcl_ext'])
def test_aagcn_initialises_in_any_scope(scope: str | None) -> None:
    graph = dict(type='SkeletonGraph', layout='coco', mode='spatial')
    backbone = AAGCN(graph, num_stages=2)
    with DefaultScope.overwrite_default_scope(scope):
        backbone.init_weights()
    unit = backbone.gcn[1].gcn
    assert unit.bn.weight.unique().tolist() == pytest.approx([1e-6])
    expected = (2 / (64 * 64 * 3)) ** 0.5
    assert unit.conv_d[0].weight.std().item() == pytest.approx(expected, rel=0.05)
