"""A backbone that goes on from another training."""

import pytest
import torch
from mmengine.registry import init_default_scope

from mmcl_ext.models.recognizers.skeleton_recognizer import SkeletonRecognizer
from mmcl_ext.models.recognizers.transfer_recognizer import TransferRecognizer
from mmcl_ext.registry import MODELS

BACKBONE = dict(
    type='CTRGCN',
    graph_cfg=dict(type='SkeletonGraph', layout='kinect_v1', mode='spatial'),
    num_person=1,
    base_channels=8,
    num_stages=2,
    inflate_stages=(2,),
    down_stages=(2,),
)


@pytest.fixture(autouse=True)
def _scope():
    init_default_scope('mmcl_ext')


@pytest.fixture
def source(tmp_path):
    """A checkpoint with train-only parts and a head of as many classes as the new one."""
    torch.manual_seed(1)
    model = SkeletonRecognizer(BACKBONE, dict(type='GCNHead', num_classes=4))
    state = model.state_dict() | {'co_learning.fam.weight': torch.zeros(3)}
    path = tmp_path / 'source.pth'
    torch.save(dict(meta={}, state_dict=state), path)
    return path, model


def build(source=None, **changes):
    torch.manual_seed(2)
    options = dict(source=source and str(source), frozen=False) | changes
    return TransferRecognizer(BACKBONE, dict(type='GCNHead', num_classes=4), **options)


def same(module, other):
    states = zip(module.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in states)


def test_takes_the_backbone_and_not_the_head(source):
    path, trained = source
    model = build(path)
    assert not same(model.backbone, trained.backbone)  # read when a training starts, not before
    model.init_weights()
    assert same(model.backbone, trained.backbone)
    assert not torch.equal(model.cls_head.fc.weight, trained.cls_head.fc.weight)


def step(model):
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    model.train()
    samples = [torch.randn(1, 1, 8, 20, 3) for _ in range(4)]
    logits = model(dict(keypoint=torch.stack(samples)))
    torch.nn.functional.cross_entropy(logits, torch.arange(4)).backward()
    optimizer.step()


@pytest.mark.parametrize('frozen', [True, False])
def test_frozen_backbone_keeps_weights_and_statistics(source, frozen):
    path, trained = source
    model = build(path, frozen=frozen)
    model.init_weights()
    head = model.cls_head.fc.weight.clone()
    step(model)
    assert same(model.backbone, trained.backbone) is frozen
    assert not torch.equal(model.cls_head.fc.weight, head)
    assert model.backbone.training is not frozen


def test_what_is_deployed_knows_no_source():
    config = dict(type='mmcl_ext.TransferRecognizer', backbone=BACKBONE, source='x.pth',
                  frozen=True, cls_head=dict(type='GCNHead', num_classes=4))  # fmt: skip
    deployed = TransferRecognizer.deploy_cfg(config)
    assert deployed['type'] == 'mmcl_ext.SkeletonRecognizer'
    assert set(deployed) == {'type', 'backbone', 'cls_head'}
    assert config['source'] == 'x.pth'
    built = MODELS.build(deployed)
    assert built.state_dict().keys() == build().state_dict().keys()


def test_checkpoints_that_do_not_fit(source, tmp_path):
    head, wide = dict(type='GCNHead', num_classes=4), BACKBONE | dict(base_channels=16)
    other = TransferRecognizer(wide, head, source=str(source[0]))
    with pytest.raises(ValueError, match='does not fit the backbone'):
        other.init_weights()
    torch.save(dict(state_dict={'encoder.weight': torch.zeros(1)}), tmp_path / 'foreign.pth')
    with pytest.raises(ValueError, match='holds no backbone'):
        build(tmp_path / 'foreign.pth').init_weights()
    with pytest.raises(FileNotFoundError, match='absent'):
        build(tmp_path / 'absent.pth').init_weights()
