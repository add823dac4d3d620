"""Losses of the helpers equal those of the official codes, in float64."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from mmcl_ext.mmcl.helpers.class_texts import JointConstraint, label_targets, text_divergence
from mmcl_ext.mmcl.helpers.feature_bank import FeatureBank
from mmcl_ext.mmcl.helpers.fr_head import ConfusionContrast, FRDepth
from mmcl_ext.mmcl.helpers.topology_prototypes import PrototypeReconstruction, TopologyPrototypes
from mmcl_ext.mmcl.losses.contrastive_loss import unit_vectors

Fixture = dict[str, Tensor]


@pytest.fixture
def fixture(shared: Path) -> Callable[[str], Fixture]:
    def load(name: str) -> Fixture:
        values = load_file(shared / 'parity' / f'losses_{name}.safetensors')
        return {k: v.double() if v.is_floating_point() else v for k, v in values.items()}

    return load


def close(actual: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(actual.reshape(expected.shape), expected, rtol=0, atol=1e-9)


def fill(module: nn.Linear | nn.Module, given: Fixture, prefix: str) -> None:
    with torch.no_grad():
        for name, value in module.named_parameters():
            value.copy_(given[prefix + name].reshape(value.shape))


@pytest.mark.parametrize(
    ('version', 'options'),
    [('v0', {}), ('v1', dict(only_right=True)), ('v0_nopmap', dict(by_probability=False))],
)
def test_fr_head(fixture: Callable, version: str, options: dict) -> None:
    given = fixture('frhead_renovatenet')
    net = ConfusionContrast(10, 250, **options).double()
    fill(net.project, given, 'state_dict.cl_fc.')
    net.prototypes.values.copy_(given['prototypes_before'].T)
    for step in ('1', '2'):
        net.zero_grad()
        features = given[f'features.{step}'].requires_grad_()
        loss = net(features, given[f'logits.{step}'], given[f'labels.{step}'])
        loss.backward()
        close(loss, given[f'out.{version}.loss.{step}'])
        close(net.prototypes.values.T, given[f'out.{version}.prototypes_after.{step}'])
        close(features.grad, given[f'out.{version}.grad_features.{step}'])
        expected = given[f'out.{version}.grad_weight.{step}']
        close((net.project.weight if expected.ndim == 2 else net.project.bias).grad, expected)


def test_fr_head_at_one_depth(fixture: Callable) -> None:
    given = fixture('frhead_renovatenet')
    net = FRDepth((16, 8, 25), 10).double()
    for ours, theirs in (('joints', 'spatio'), ('frames', 'tempor')):
        squeeze = getattr(net, f'squeeze_{ours}')
        fill(squeeze, given, f'state_dict.st.{theirs}_squeeze.')
        contrast = net.spatial if ours == 'joints' else net.temporal
        fill(contrast.project, given, f'state_dict.st.{theirs}_cl_net.cl_fc.')
        kind = 'spatial' if ours == 'joints' else 'temporal'
        contrast.prototypes.values.copy_(given[f'st.prototypes_{kind}_before'].T)
    features = given['st.features'].unflatten(0, (8, 2))
    close(net(features, given['st.logits'], given['st.labels']), given['out.st.loss_train_mode'])
    for kind in ('spatial', 'temporal'):
        values = getattr(net, kind).prototypes.values.T
        close(values, given[f'out.st.prototypes_{kind}_after'])


def test_class_specific_contrast(fixture: Callable) -> None:
    given = fixture('protogcn_csc')
    net = TopologyPrototypes((1, 1), 25, 10, num_prototypes=2).double()
    fill(net.project, given, 'state_dict.cl_fc.')
    net.prototypes.values.copy_(given['prototypes_before'].T)
    for step in ('1', '2'):
        net.zero_grad()
        graph = given[f'features.{step}'].requires_grad_()
        loss = net.contrast(graph, given[f'logits.{step}'], given[f'labels.{step}'])
        loss.backward()
        close(loss, given[f'out.loss.{step}'])
        close(net.prototypes.values.T, given[f'out.prototypes_after.{step}'])
        close(graph.grad, given[f'out.grad_features.{step}'])
        close(net.project.bias.grad, given[f'out.grad_bias.{step}'])


def test_prototype_reconstruction(fixture: Callable) -> None:
    given = fixture('protogcn_prn')
    net = PrototypeReconstruction(384, 100, dropout=0.0)
    ours = dict(query='prn.query_matrix', memory='prn.memory_matrix', post='post', bn='bn')
    assert sum(p.numel() for p in net.parameters()) == 225_408
    state = {
        f'{name}.{key.rpartition(".")[2]}': value
        for name, theirs in ours.items()
        for key, value in given.items()
        if key.startswith(f'state_dict.backbone.{theirs}.')
    }
    net.load_state_dict(state)
    topology = given['topology_float64'].unflatten(2, (25, 25))
    net.double().eval()
    close(net(topology), given['output_float64'])
    close(net.train()(topology), given['output_train_mode_float64'])
    close(net.bn.running_mean, given['running_mean_after_float64'])


@pytest.mark.parametrize(('key', 'temperature'), [('t08', 0.8), ('t05', 0.5)])
def test_bank(fixture: Callable, key: str, temperature: float) -> None:
    given = fixture('skeletongcl_bank')
    bank = FeatureBank(16, 5, 12, temperature, partial=False).double()
    bank.resize(given['bank_labels'].tolist())
    bank.double()
    bank.rows.copy_(given['bank_before'])
    bank.visited.copy_(given['flag_before'].bool())
    project = nn.Linear(20, 16).double()
    fill(project, given, 'state_dict.trans.')
    features = given['features'].requires_grad_()
    drawn = given[f'out.{key}.random_negatives']
    random = torch.zeros(6, 64).scatter(1, drawn.clamp(min=0), 1.0)
    unit = unit_vectors(project(features))
    loss = bank(unit, given['labels'], given['index'], random)
    loss.backward()
    print(loss.item(), given[f'out.{key}.loss'])
    assert torch.allclose(bank.rows, given[f'out.{key}.bank_after'], rtol=0, atol=1e-7)
    assert torch.equal(bank.visited, given[f'out.{key}.flag_after'].bool())
    close(loss, given[f'out.{key}.loss'])
    close(features.grad, given[f'out.{key}.grad_features'])
    close(project.weight.grad, given[f'out.{key}.grad_weight'])


def test_text_divergence(fixture: Callable) -> None:
    given = fixture('gap_kl')
    target = label_targets(given['labels'], torch.float64)
    close(target, (10 * given['out.target']).softmax(1))
    skeleton, text, scale = (given[k].requires_grad_() for k in ('skeleton', 'text', 'scale'))
    terms = torch.stack(
        [text_divergence(*x, target) for x in zip(skeleton, text, scale, strict=True)]
    )
    close(terms, given['out.loss_part'])
    total = 0.8 * terms.mean()
    close(total, given['out.total'])
    total.backward()
    close(skeleton.grad, given['out.grad_skeleton'])
    close(text.grad, given['out.grad_text'])
    close(scale.grad, given['out.grad_scale'])


def test_joint_constraint(fixture: Callable) -> None:
    given = fixture('joint_constraint')
    net = JointConstraint(given['class_matrices'].mean(2), 256, 25, 60).double()
    net.relevance = given['class_matrices'].mean(2)
    assert sum(p.numel() for p in net.parameters()) == 257
    fill(net.project, dict(weight=given['weight'], bias=given['bias']), '')
    features = given['features'].requires_grad_()
    logits = net.classify(features)
    for official in ('lagcn', 'skeletonagent'):
        close(logits, given[f'out.aux_logits_{official}'])
    nn.functional.cross_entropy(logits, given['out.labels_for_grad']).backward()
    close(features.grad.sum(3), given['out.grad_features_ce'] * 16)
