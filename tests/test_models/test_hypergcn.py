"""Hyper-GCN: its layer against the formulas, its loss, what a backbone's own loss goes through."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmaction.structures import ActionDataSample
from torch import Tensor, nn

from mmcl_ext.models import GCNHead, HyperGCN, SkeletonDataPreprocessor, SkeletonRecognizer
from mmcl_ext.models.layers.hyper_graph_conv import HyperGraphConv
from mmcl_ext.models.losses.divergence import divergence
from test_models.families import build, converters
from test_models.helpers import fill, fixture, ours, relative_error, wave

GRAPH = dict(type='mmcl_ext.SkeletonGraph', layout='nturgb+d', mode='spatial')
SMALL = dict(base_channels=16, num_stages=3, inflate_stages=(2,), down_stages=(2,))


def test_graph_conv_is_the_formula() -> None:
    joints, virtual, heads, nearest = 5, 2, 2, 3
    nodes = joints + virtual
    layer = HyperGraphConv(8, 16, torch.ones(heads, nodes, nodes), virtual_joints=2, neighbours=3)
    layer = fill(layer).eval()
    layer.alpha.data.fill_(0.7)
    x = wave(2, 8, joints, 4)
    joined = torch.cat((x, layer.virtual_joints.T[None, ..., None].expand(2, -1, -1, 4)), dim=2)
    mean = joined.mean(-1)
    q = layer.relation(mean).view(2, heads, -1, nodes)
    w = torch.tanh(layer.weigh_heads(F.leaky_relu(layer.weigh(mean))))  # (N, S, U)
    value = layer.value(joined).view(2, heads, 8, nodes, 4)
    z = torch.zeros_like(value)
    for n, h in np.ndindex(2, heads):
        B = torch.zeros(nodes, nodes).double()
        for v in range(nodes):
            distance = (q[n, h] - q[n, h, :, v : v + 1]).square().sum(0).sqrt()
            chosen = distance.argsort()[:nearest]
            B[v, chosen] = torch.softmax(-distance[chosen], 0)
        E = torch.diag(1 / (B.sum(0) + 1e-8))
        W = torch.diag(w[n, h])
        D = torch.diag(1 / ((B @ W).abs().sum(1) + 1e-8))
        bones = layer.A[h] * layer.importance[h]
        bones = bones / (bones.abs().sum(1, keepdim=True) + 1e-8)
        M = bones + 0.7 * (D @ B @ W @ W @ E @ B.T)
        for r in range(8):
            z[n, h, r] = M @ value[n, h, r]
    y = z[..., :joints, :].reshape(2, 16, joints, 4)
    expected = F.relu(layer.bn(y) + layer.down(x))
    torch.testing.assert_close(layer(x), expected, rtol=1e-11, atol=1e-12)


def test_bones_join_virtual_joints_to_all_others() -> None:
    bones = HyperGCN(GRAPH, **SMALL).blocks[0].gcn.A
    assert bones.shape == (8, 28, 28)
    assert torch.equal(bones[0], bones[0].T)
    assert bones[0, :25, :25].sum() == 25 + 2 * 24
    assert bones[0, 25:, :25].all()
    assert torch.equal(bones[0, 25:, 25:], torch.eye(3))


def test_the_third_block_adds_the_first() -> None:
    network = fill(HyperGCN(GRAPH, base_channels=16, num_stages=3, inflate_stages=(2,))).eval()
    rows = wave(1, 16, 25, 4)
    first = network.blocks[0](rows)
    second = network.blocks[1](first)  # wider: nothing to add
    assert torch.equal(network.encode(rows), network.blocks[2](second).transpose(-1, -2))
    network = fill(HyperGCN(GRAPH, base_channels=16, num_stages=3)).eval()
    first = network.blocks[0](rows)
    second = network.blocks[1](first)
    expected = network.blocks[2](first + second).transpose(-1, -2)
    assert torch.equal(network.encode(rows), expected)


def test_divergence_is_the_mean_positive_cosine() -> None:
    vectors = torch.tensor([[2.0, 0, 0], [3, 3, 0], [-1, 0, 0]])
    assert divergence(vectors).item() == pytest.approx(2 * 0.5**0.5 / 6)
    assert divergence(torch.ones(3, 4)).item() == pytest.approx(1)


def official(shared: Path) -> tuple[Any, dict[str, Tensor]]:
    state, data = fixture(shared, 'hypergcn_base_ntu60')
    model = build('hypergcn')
    model.load_state_dict(converters('hypergcn')[0](state))
    return model, data


def test_divergence_of_the_authors(shared: Path) -> None:
    model, data = official(shared)
    losses = model.double().backbone.own_losses(torch.zeros(1), torch.zeros(1))
    assert losses['loss_divergence'].item() == pytest.approx(
        data['divergence_float64'].item(), rel=1e-8
    )


def test_outputs_of_the_released_code(shared: Path) -> None:
    """Its distances are a matrix product of 28 points, which spoils those of 0."""
    model, data = official(shared)
    model.eval()
    with torch.no_grad():
        assert relative_error(model(ours(data['input'])), data['output']) <= 1e-3
        output = model.double()(ours(data['input'].double()))
    assert relative_error(output, data['output_float64']) <= 1e-7


@pytest.mark.slow
def test_training_of_the_released_code(shared: Path) -> None:
    """Five steps on its whole loss, with label smoothing and divergence."""
    model, data = official(shared)
    model.double().train().cls_head.label_smooth_eps = 0.1
    optimizer = torch.optim.SGD(
        model.parameters(), lr=0.01, momentum=0.9, nesterov=True, weight_decay=4e-4
    )
    inputs, samples = ours(data['train_input'].double()), labelled(*data['train_labels'].tolist())
    for total, cross_entropy, apart in data['train_total_losses_float64'].tolist():
        losses = model.loss(inputs, samples)
        assert losses['loss_cls'].item() == pytest.approx(cross_entropy, rel=1e-6)
        assert losses['loss_divergence'].item() == pytest.approx(apart, rel=1e-6)
        loss, _ = model.parse_losses(losses)
        assert loss.item() == pytest.approx(total, rel=1e-6)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def labelled(*labels: int) -> list[ActionDataSample]:
    return [ActionDataSample().set_gt_label(label) for label in labels]


def recognizer(backbone: nn.Module) -> Any:
    head = GCNHead(4, backbone.out_channels, topk=(1,))
    return SkeletonRecognizer(backbone, head, SkeletonDataPreprocessor())


def test_its_own_loss_is_in_the_sum_and_is_trained() -> None:
    torch.manual_seed(0)
    model = recognizer(HyperGCN(GRAPH, divergence_weight=0.5, **SMALL))
    inputs = dict(keypoint=wave(2, 1, 2, 6, 25, 3, dtype=torch.float32))
    losses = model.loss(inputs, labelled(0, 3))
    assert losses['loss_divergence'].item() == pytest.approx(0.5)  # they start alike
    total, _ = model.parse_losses(losses)
    assert total.item() == pytest.approx(losses['loss_cls'].item() + 0.5)
    model.backbone.blocks[0].gcn.virtual_joints.data[1] *= -1
    model.loss(inputs, labelled(0, 3))['loss_divergence'].backward()
    assert model.backbone.blocks[1].gcn.virtual_joints.grad.isfinite().all()
    model.backbone.divergence_weight = 0
    assert 'loss_divergence' not in model.loss(inputs, labelled(0, 3))


class Own(HyperGCN):
    seen: Tensor

    def own_losses(self, features: Tensor, labels: Tensor) -> dict[str, Tensor]:
        self.seen = labels
        return {'monitor': features.mean()}


def test_what_has_no_loss_in_its_name_is_refused() -> None:
    model = recognizer(Own(GRAPH, **SMALL))
    inputs = dict(keypoint=torch.randn(2, 1, 2, 6, 25, 3))
    with pytest.raises(ValueError, match=r"Own.own_losses gives 'monitor'"):
        model.loss(inputs, labelled(2, 1))
    assert model.backbone.seen.tolist() == [2, 1]


def test_channels_that_heads_cannot_share_are_refused() -> None:
    with pytest.raises(ValueError, match='8 heads cannot share 12 to 12 channels'):
        HyperGCN(GRAPH, base_channels=12, num_stages=1)
