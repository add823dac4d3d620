"""What every registered skeleton backbone promises, on every layout."""

import copy
import pickle
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from mmcl_ext import models
from mmcl_ext.registry import GRAPHS, MODELS
from test_models.catalogue import HIERARCHY, SMALL, UNION, VARIANTS, coco, graphs, names
from test_models.helpers import wave


def cases() -> Iterator[tuple[str, dict, dict]]:
    for name in names():
        for variant in VARIANTS[name]:
            for graph in graphs(name):
                yield name, variant, graph


def build(name: str, variant: dict, graph: dict, **kwargs: object) -> nn.Module:
    torch.manual_seed(0)
    backbone = MODELS.build(dict(type=name, graph_cfg=graph, **SMALL, **variant, **kwargs))
    backbone.init_weights()
    return backbone


def skeletons(backbone: nn.Module, samples: int = 3, frames: int = 11) -> Tensor:
    joints = backbone.graph.num_joints
    return wave(samples, 2, frames, joints, backbone.in_channels, dtype=torch.float32)


def test_every_backbone_has_variants() -> None:
    covered = [f'{n} ({len(VARIANTS[n])} variants, {len(graphs(n))} graphs)' for n in names()]
    print('contract tested with', *covered, sep='\n  ')
    assert names() == sorted(VARIANTS)


@pytest.mark.parametrize(('name', 'variant', 'graph'), list(cases()))
def test_backbone(name: str, variant: dict, graph: dict) -> None:
    backbone = build(name, variant, graph)
    x = skeletons(backbone)
    copied = copy.deepcopy(backbone)
    output = backbone(x)
    assert output.shape == (3, 2, backbone.out_channels, 6, GRAPHS.build(graph).num_joints)

    optimizer = torch.optim.SGD(backbone.parameters(), lr=0.01)
    (output * torch.linspace(-1, 1, output[0].numel()).view(output[0].shape)).mean().backward()
    missing = [
        key
        for key, parameter in backbone.named_parameters()
        if parameter.grad is None or not parameter.grad.isfinite().all()
    ]
    assert not missing
    optimizer.step()
    assert backbone(x).isfinite().all()

    assert torch.equal(copied(x), output)  # the step has left the copy alone
    backbone.eval()
    restored = pickle.loads(pickle.dumps(backbone))
    assert torch.equal(restored(x), backbone(x))


PARITY = {'HDGCN': 1e-4, 'HyperGCN': 1e-4}
"""In float32: their choice of nearest neighbours amplifies rounding. The others: 1e-5."""


@pytest.mark.parametrize('dtype', [torch.float64, torch.float32])
@pytest.mark.parametrize(('name', 'variant'), [(n, v) for n in names() for v in VARIANTS[n]])
def test_a_sample_does_not_depend_on_its_batch(
    name: str, variant: dict, dtype: torch.dtype
) -> None:
    backbone = build(name, variant, coco(name))
    if name == 'InfoGCN':  # its published attention is ill-conditioned in float32
        for key, parameter in backbone.named_parameters():
            if '.to_qk.weight' in key:
                parameter.data.mul_(0.1)
    backbone(skeletons(backbone))  # running statistics
    backbone.to(dtype).eval()
    x = skeletons(backbone).to(dtype)
    with torch.no_grad():
        together, alone = backbone(x), torch.cat([backbone(sample[None]) for sample in x])
    tolerance = 1e-9 if dtype == torch.float64 else PARITY.get(name, 1e-5)
    torch.testing.assert_close(together, alone, rtol=0, atol=tolerance * float(alone.abs().max()))


@pytest.mark.parametrize(('name', 'variant'), [(n, v) for n in names() for v in VARIANTS[n]])
def test_mixed_precision(name: str, variant: dict) -> None:
    backbone = build(name, variant, coco(name))
    with torch.autocast('cpu', dtype=torch.bfloat16):
        output = backbone(skeletons(backbone))
    output.float().square().mean().backward()
    assert all(p.grad.isfinite().all() for p in backbone.parameters())


@pytest.mark.parametrize(('name', 'variant'), [(n, v) for n in names() for v in VARIANTS[n]])
def test_wrong_input_names_both_sides(name: str, variant: dict) -> None:
    backbone = build(name, variant, coco(name))
    right = (1, 2, 8, 17, 3)
    for wrong in ((1, 2, 8, 25, 3), (1, 2, 8, 17, 2), (2, 8, 17, 3)):
        with pytest.raises(ValueError, match=r'17, 3\).*received') as caught:
            backbone(torch.zeros(wrong))
        assert str(wrong) in str(caught.value)
    per_slot = getattr(backbone, 'norm_per_slot', True)
    if not per_slot or (isinstance(backbone, models.STGCN) and backbone.data_bn_type == 'VC'):
        assert backbone(torch.zeros(1, 5, *right[2:])).shape[1] == 5
    else:
        with pytest.raises(ValueError, match=r'\(N, 2, T, 17, 3\).*\(1, 5, 8, 17, 3\)'):
            backbone(torch.zeros(1, 5, *right[2:]))


@pytest.mark.parametrize('name', names())
def test_the_other_kind_of_graph_is_refused(name: str) -> None:
    other = UNION if name == 'HDGCN' else HIERARCHY
    message = 'flatten=None' if name == 'HDGCN' else "flatten='union'"
    with pytest.raises(ValueError, match=message):
        build(name, {}, dict(other, layout='nturgb+d'))


def test_a_graph_that_is_none_is_refused() -> None:
    with pytest.raises(TypeError, match='got 25'):
        models.CTRGCN(25)


@pytest.mark.parametrize('name', names())
def test_a_built_graph_is_accepted(name: str) -> None:
    graph = GRAPHS.build(coco(name))
    assert build(name, {}, graph).graph is graph
