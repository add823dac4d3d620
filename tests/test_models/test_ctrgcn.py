"""CTR-GCN against the authors' implementation, and against our own earlier numbers."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from mmcl_ext.models import CTRGCN, SkeletonRecognizer
from mmcl_ext.models.checkpoint_keys import from_ctrgcn, to_ctrgcn
from test_models.helpers import NTU, fill, fixture, ours, relative_error, wave


def build(num_classes: int = 60, **kwargs: object) -> SkeletonRecognizer:
    backbone = dict(type='mmcl_ext.CTRGCN', graph_cfg=NTU, **kwargs)
    head = dict(type='mmcl_ext.GCNHead', num_classes=num_classes)
    preprocessor = dict(type='mmcl_ext.SkeletonDataPreprocessor')
    return SkeletonRecognizer(backbone, head, preprocessor)


@pytest.mark.parametrize(('num_classes', 'count'), [(60, 1_446_672), (120, 1_462_092)])
def test_parameters(num_classes: int, count: int) -> None:
    assert sum(p.numel() for p in build(num_classes).parameters()) == count


def test_parameters_of_20_joints() -> None:
    graph = dict(type='SkeletonGraph', layout='kinect_v1', mode='spatial')
    backbone = CTRGCN(graph, num_person=1)
    assert sum(p.numel() for p in backbone.parameters()) + 2_570 == 1_426_892


@pytest.mark.parametrize(
    ('dtype', 'reference', 'tolerance'),
    [(torch.float64, 'output_float64', 1e-9), (torch.float32, 'output', 1e-5)],
)
def test_equals_the_official_output(
    shared: Path, dtype: torch.dtype, reference: str, tolerance: float
) -> None:
    state, data = fixture(shared, 'ctrgcn_ntu60')
    model = build()
    model.load_state_dict(from_ctrgcn(state))
    model.to(dtype).eval()
    with torch.no_grad():
        output = model(ours(data['input'].to(dtype)))
    assert relative_error(output, data[reference]) <= tolerance


def test_trains_like_the_official_network(shared: Path) -> None:
    state, data = fixture(shared, 'ctrgcn_ntu60')
    model = build()
    model.load_state_dict(from_ctrgcn(state))
    model.double().train()
    optimizer = torch.optim.SGD(
        model.parameters(), lr=0.01, momentum=0.9, nesterov=True, weight_decay=4e-4
    )
    inputs = ours(data['train_input'].double())
    for expected in data['train_losses_float64'].tolist():
        loss = F.cross_entropy(model(inputs), data['train_labels'])
        assert loss.item() == pytest.approx(expected, rel=1e-8)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def test_official_keys_survive_the_round_trip(shared: Path) -> None:
    state, _ = fixture(shared, 'ctrgcn_ntu60')
    back = to_ctrgcn(from_ctrgcn(state))
    assert back.keys() == state.keys()
    assert all(torch.equal(back[key], value) for key, value in state.items())


def test_our_keys_survive_the_round_trip() -> None:
    state = build(10, num_stages=3, base_channels=16, inflate_stages=(3,)).state_dict()
    back = from_ctrgcn(to_ctrgcn(state))
    assert back.keys() == state.keys()
    assert all(torch.equal(back[key], value) for key, value in state.items())


def test_strange_keys_are_named() -> None:
    state = to_ctrgcn(build(10, num_stages=2, base_channels=16).state_dict())
    with pytest.raises(ValueError, match=r"1 entries do not fit.*'mlp\.0\.weight'"):
        from_ctrgcn({**state, 'mlp.0.weight': torch.zeros(1)})
    state.pop('l2.gcn1.convs.1.conv3.weight')
    with pytest.raises(ValueError, match=r'lacks .l2\.gcn1\.convs\.1\.conv3\.weight'):
        from_ctrgcn(state)


def test_output_of_a_small_network_is_unchanged() -> None:
    """Numbers of this implementation at the time when it equalled the official one."""
    backbone = CTRGCN(NTU, base_channels=8, num_stages=3, inflate_stages=(3,), down_stages=(2,))
    output = fill(backbone).eval()(wave(2, 2, 9, 25, 3))
    assert output.shape == (2, 2, 16, 5, 25)
    summary = [*torch.std_mean(output), *output[:, :, 3, 2, 7].flatten()]
    expected = [
        0.08912351176519777,
        0.07732315017363348,
        0.2969304586099392,
        0.2894960351215252,
        0.30234811991632915,
        0.2829328538211615,
    ]
    assert torch.stack(summary).tolist() == pytest.approx(expected, rel=1e-9)
