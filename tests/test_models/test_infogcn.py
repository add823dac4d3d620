"""InfoGCN: modality representation, attention, information bottleneck."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmaction.structures import ActionDataSample

from mmcl_ext.graphs import get_layout
from mmcl_ext.models import InfoGCN, InfoGCNHead, LatentMMDLoss
from mmcl_ext.models.layers.attention_graph_conv import AttentionGraphConv
from mmcl_ext.models.layers.joint_differences import joint_differences
from test_models.helpers import NTU, fill, wave

LAYOUT = get_layout('nturgb+d-ctrgcn')


# representation


def test_first_order_is_the_bones() -> None:
    x = np.arange(75, dtype=np.float32).reshape(25, 3) ** 1.5
    bones = joint_differences(LAYOUT.edges, 25, 1, root=1) @ x
    np.testing.assert_array_equal(bones[1], x[1])  # the root stays
    np.testing.assert_array_equal(bones[0], x[0] - x[1])  # spine base, from the middle
    np.testing.assert_array_equal(bones[21], x[21] - x[22])  # hand tip, on the thumb
    np.testing.assert_array_equal(bones[15], x[15] - x[14])  # foot


def test_higher_orders_reach_further() -> None:
    """Entries of P^k around NTU's joint 2, counted by hand from the tree."""
    for k, entries in enumerate((24, 22, 17, 12, 8, 4, 2, 0), start=1):
        power = np.eye(25) - joint_differences(LAYOUT.edges, 25, k, root=1)
        assert np.count_nonzero(power) == entries
        assert np.count_nonzero(power.sum(axis=1)) == entries  # one ancestor each


def test_descendants_are_summed() -> None:
    layout = get_layout('kinect_v1')
    matrix = InfoGCN(dict(type='SkeletonGraph', layout='kinect_v1'), num_stages=1).differences
    x = torch.arange(20, dtype=torch.float32)[:, None]
    root = layout.center
    children = [child for child, parent in layout.edges if parent == root]
    assert len(children) == 4
    assert (matrix @ x)[root].item() == root - sum(children)
    seventh = joint_differences(layout.edges, 20, 7, root=root, descendants=True)
    np.testing.assert_array_equal(seventh, np.eye(20))


def test_empty_representation_is_refused() -> None:
    with pytest.raises(ValueError, match='k must be at least 1, got 0'):
        InfoGCN(NTU, k=0)


def test_modality_is_not_stored() -> None:
    backbone = InfoGCN(NTU, num_stages=1)
    assert 'differences' not in backbone.state_dict()
    assert backbone.double().differences.dtype is torch.float64


# attention


@pytest.mark.parametrize('heads', [1, 3])
def test_attention_graph_conv_is_the_formula(heads: int) -> None:
    layer = fill(AttentionGraphConv(16, 8, torch.zeros(heads, 5, 5))).eval()
    x = wave(2, 16, 5, 3)
    expected = torch.zeros(2, 8, 5, 3, dtype=x.dtype)
    for n in range(2):
        for t in range(3):
            nodes = x[n, :, :, t].T  # (V, C)
            h = F.layer_norm(nodes, (16,), layer.norm.weight, layer.norm.bias)
            q, k = layer.to_qk(h).chunk(2, dim=1)  # (V, S*d)
            for head in range(heads):
                part = slice(2 * head, 2 * head + 2)
                scores = (q[:, part] @ k[:, part].T / math.sqrt(2)).softmax(dim=1)
                received = (scores * layer.A[head]) @ nodes
                weight = layer.conv.weight[:, head::heads, 0, 0]
                expected[n, :, :, t] += weight @ received.T + layer.conv.biases[head, :, None]
    expected = torch.relu(layer.bn(expected) + layer.down(x))
    torch.testing.assert_close(layer(x), expected, rtol=1e-11, atol=1e-12)


# bottleneck


def test_distances_by_hand() -> None:
    z = torch.tensor([[1.0, 0.0], [3.0, 0.0], [0.0, 2.0]])
    prior = torch.tensor([[2.0, 1.0], [9.0, 9.0], [0.0, 0.0]])
    losses = LatentMMDLoss(marginal_weight=1.0, conditional_weight=10.0)(
        z, torch.tensor([0, 0, 2]), prior
    )
    assert losses['loss_marginal'].item() == pytest.approx(math.hypot(4 / 3, 2 / 3))
    # class 0: mean (2, 0) against (2, 1); class 2: (0, 2) against (0, 0); class 1 is absent
    assert losses['loss_conditional'].item() == pytest.approx(10 * (0 + 1 + 0 + 4) / 4)


def test_distances_do_not_depend_on_the_order() -> None:
    z, labels = wave(6, 4), torch.tensor([2, 0, 1, 0, 2, 2])
    prior, order = wave(3, 4, phase=1.0), torch.tensor([3, 1, 5, 0, 4, 2])
    loss = LatentMMDLoss()
    for name, value in loss(z, labels, prior).items():
        torch.testing.assert_close(loss(z[order], labels[order], prior)[name], value)


def samples(*labels: int) -> list[ActionDataSample]:
    return [ActionDataSample().set_gt_label(label) for label in labels]


def test_prior_means_are_orthogonal_constants() -> None:
    torch.manual_seed(1)
    head = InfoGCNHead(10, 32)
    torch.testing.assert_close(head.z_prior @ head.z_prior.T, 9 * torch.eye(10))
    torch.manual_seed(2)
    assert torch.equal(InfoGCNHead(10, 32).z_prior, head.z_prior)
    assert not torch.equal(InfoGCNHead(10, 32, z_prior_seed=1).z_prior, head.z_prior)
    assert 'z_prior' not in head.state_dict()


def test_noise_has_the_stated_spread_in_training_only() -> None:
    head = InfoGCNHead(10, 4, noise_ratio=0.5)
    with torch.no_grad():
        head.fc_logvar.weight.zero_()
        head.fc_logvar.bias.copy_(torch.tensor([2.0, 0.0, -2.0, 100.0]))
    embedding = wave(1, 4, dtype=torch.float32).expand(20_000, 4)
    torch.manual_seed(0)
    spread = head.train().encode(embedding).std(dim=0)
    expected = torch.tensor([math.e, 1.0, 1 / math.e, 100.0])
    torch.testing.assert_close(spread, expected, rtol=0.03, atol=0)
    code = head.eval().encode(embedding)
    torch.testing.assert_close(code, head.fc_mu(head.fc(embedding).relu()))


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64, torch.bfloat16])
def test_huge_log_variances_have_finite_gradients(dtype: torch.dtype) -> None:
    head = InfoGCNHead(10, 4, noise_ratio=0.5).to(dtype).train()
    with torch.no_grad():
        head.fc_logvar.bias.copy_(torch.tensor([2.0, 180.0, 2000.0, -2000.0]))
    head.encode(wave(8, 4).to(dtype)).sum().backward()
    gradients = {name: p.grad for name, p in head.named_parameters() if p.grad is not None}
    assert all(gradient.isfinite().all() for gradient in gradients.values())
    assert gradients['fc_logvar.bias'][0] != 0
    assert not gradients['fc_logvar.bias'][1:].any()


def test_ordinary_noise_is_the_formula_bit_for_bit() -> None:
    head = InfoGCNHead(10, 4, noise_ratio=0.5).train()
    embedding = wave(50, 4, dtype=torch.float32)
    torch.manual_seed(0)
    code = head.encode(embedding)
    torch.manual_seed(0)
    h = head.fc(embedding).relu()
    noise = torch.randn(50, 4) * (0.5 * head.fc_logvar(h)).exp()
    assert torch.equal(code, head.fc_mu(h) + noise)


def test_loss_is_the_sum_of_its_published_parts() -> None:
    head = InfoGCNHead(3, 4).double().eval()
    embedding = wave(5, 4)
    labels = torch.tensor([0, 2, 2, 0, 2])
    logits, losses = head.loss_by_embedding(embedding, samples(*labels.tolist()))
    torch.testing.assert_close(logits, head.classify(embedding))
    log_p = logits.log_softmax(dim=1)
    smoothed = 0.9 * F.nll_loss(log_p, labels) - 0.1 * log_p.mean()
    assert losses['loss_cls'].item() == pytest.approx(smoothed.item())
    z = head.encode(embedding)
    means = torch.stack([z[labels == 0].mean(0), z[labels == 2].mean(0)])
    conditional = (means - head.z_prior[[0, 2]]).square().mean()
    assert losses['loss_conditional'].item() == pytest.approx(0.1 * conditional.item())
    assert losses['loss_marginal'].item() == pytest.approx(1e-4 * z.mean(0).norm().item())


def test_all_parameters_learn() -> None:
    head = InfoGCNHead(3, 4)
    _, losses = head.loss_by_embedding(wave(4, 4, dtype=torch.float32), samples(0, 1, 2, 1))
    sum(value for name, value in losses.items() if 'loss' in name).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in head.parameters())


def test_clips_and_labels_must_match() -> None:
    with pytest.raises(ValueError, match='4 clips for 2 labelled samples'):
        InfoGCNHead(3, 4).loss_by_embedding(torch.zeros(4, 4), samples(0, 1))
