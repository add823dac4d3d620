"""Head, preprocessor and recognizer."""

import copy
import math
import pickle

import pytest
import torch
import torch.nn.functional as F
from mmaction.structures import ActionDataSample
from mmengine.dataset import pseudo_collate
from mmengine.registry import DefaultScope
from mmengine.runner import load_checkpoint
from torch import Tensor, nn

from mmcl_ext.models import GCNHead, SkeletonDataPreprocessor, SkeletonRecognizer
from test_models.helpers import wave

COCO = dict(type='SkeletonGraph', layout='coco', mode='spatial')
BACKBONE = dict(type='CTRGCN', graph_cfg=COCO, base_channels=8, num_stages=2)


@pytest.fixture(autouse=True)
def _scope() -> None:
    with DefaultScope.overwrite_default_scope('mmcl_ext'):
        yield


def sample(label: int, frames: int = 6, clips: int = 1, index: int = 0) -> dict:
    data_sample = ActionDataSample(metainfo=dict(sample_name=f'clip{index}')).set_gt_label(label)
    keypoint = wave(clips, 2, frames, 17, 3, phase=float(index), dtype=torch.float32)
    return dict(inputs=dict(keypoint=keypoint), data_samples=data_sample)


def build(**kwargs: object) -> SkeletonRecognizer:
    torch.manual_seed(0)
    head = dict(type='GCNHead', num_classes=4, **kwargs)
    return SkeletonRecognizer(copy.deepcopy(BACKBONE), head)


# head


def test_embedding_is_the_mean_over_time_and_joints_then_persons() -> None:
    head = GCNHead(4, 5)
    feats = wave(2, 3, 5, 4, 6)
    expected = torch.stack([feats[n].permute(1, 0, 2, 3).flatten(1).mean(1) for n in (0, 1)])
    torch.testing.assert_close(head.pool(feats), expected)


def test_head_steps_agree() -> None:
    head = GCNHead(4, 5, dropout=0.5).double().eval()
    feats = wave(2, 2, 5, 3, 6)
    samples = [ActionDataSample().set_gt_label(i) for i in (1, 3)]
    embedding = head.pool(feats)
    logits, losses = head.loss_by_embedding(embedding, samples)
    torch.testing.assert_close(logits, head(feats))
    torch.testing.assert_close(logits, embedding @ head.fc.weight.T + head.fc.bias)
    assert losses['loss_cls'].item() == pytest.approx(
        F.cross_entropy(logits, torch.tensor([1, 3])).item()
    )
    assert losses.keys() == head.loss(feats, samples).keys() == {'loss_cls', 'top1_acc'}


def test_head_drops_channels_in_training_only() -> None:
    head = GCNHead(4, 5, dropout=0.5)
    embedding = torch.ones(64, 5)
    assert len(head.train().classify(embedding).unique(dim=0)) > 1
    torch.testing.assert_close(head.eval().classify(embedding), head.fc(embedding))


def test_head_starts_like_the_ctrgcn_authors() -> None:
    torch.manual_seed(0)
    head = GCNHead(60, 256)
    assert head.fc.weight.std().item() == pytest.approx(math.sqrt(2 / 60), rel=0.02)
    assert 0 < head.fc.bias.abs().max() <= 1 / math.sqrt(256)
    normal = GCNHead(60, 256, init_cfg=dict(type='Normal', layer='Linear', std=0.01))
    normal.init_weights()
    assert normal.fc.weight.std().item() == pytest.approx(0.01, rel=0.05)


def test_label_smoothing_matches_torch() -> None:
    head = GCNHead(4, 5, label_smooth_eps=0.1, topk=1).double()
    embedding = wave(3, 5)
    samples = [ActionDataSample().set_gt_label(i) for i in (0, 2, 2)]
    logits, losses = head.loss_by_embedding(embedding, samples)
    expected = F.cross_entropy(logits, torch.tensor([0, 2, 2]), label_smoothing=0.1)
    assert losses['loss_cls'].item() == pytest.approx(expected.item())


@pytest.mark.parametrize('shape', [(2, 2, 6, 3, 4), (2, 5, 3, 4)])
def test_head_names_wrong_features(shape: tuple) -> None:
    with pytest.raises(ValueError, match=r'M, 5, T, V\).*received') as caught:
        GCNHead(4, 5).pool(torch.zeros(shape))
    assert str(shape) in str(caught.value)


# preprocessor


def test_preprocessor_stacks_what_collate_gives() -> None:
    samples = [sample(i, index=i) for i in range(3)]
    for index, item in enumerate(samples):
        item['inputs']['text'] = torch.full((7,), float(index))
    batch = SkeletonDataPreprocessor()(pseudo_collate(samples), training=True)
    assert batch['inputs']['keypoint'].shape == (3, 1, 2, 6, 17, 3)
    assert batch['inputs']['text'][:, 0].tolist() == [0, 1, 2]
    again = SkeletonDataPreprocessor()(batch)
    assert torch.equal(again['inputs']['keypoint'], batch['inputs']['keypoint'])


def test_preprocessor_names_the_sample_of_another_length() -> None:
    batch = pseudo_collate([sample(0), sample(1, index=1), sample(1, frames=9, index=2)])
    with pytest.raises(ValueError, match=r"'keypoint'.*'clip0' has.*6, 17.*'clip2' has.*9, 17"):
        SkeletonDataPreprocessor()(batch)
    del batch['data_samples']
    with pytest.raises(ValueError, match='sample 2 has'):
        SkeletonDataPreprocessor()(batch)


# recognizer


def test_training_step_lowers_the_loss() -> None:
    model = build().train()
    batch = pseudo_collate([sample(i, index=i) for i in range(4)])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    losses = []
    for _ in range(8):
        data = model.data_preprocessor(batch, training=True)
        loss = model(**data, mode='loss')['loss_cls']
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    assert all(p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize('average', ['score', 'prob'])
def test_prediction_averages_clips(average: str) -> None:
    model = build(average_clips=average).eval()
    items = [sample(i, clips=3, index=i) for i in range(2)]
    predicted = model.test_step(pseudo_collate(items))
    for item, result in zip(items, predicted, strict=True):
        logits = model(dict(keypoint=item['inputs']['keypoint'][:, None]))
        scores = logits if average == 'score' else logits.softmax(dim=1)
        torch.testing.assert_close(result.pred_score, scores.mean(dim=0))
        assert result.pred_label.item() == scores.mean(dim=0).argmax().item()


def test_several_clips_cannot_be_trained() -> None:
    batch = pseudo_collate([sample(0, clips=2)])
    model = build()
    with pytest.raises(ValueError, match='2 clips for 1 labelled sample:'):
        model(**model.data_preprocessor(batch), mode='loss')


def test_unknown_mode_and_wrong_axes_are_refused() -> None:
    model = build()
    with pytest.raises(ValueError, match="got 'train'"):
        model(dict(keypoint=torch.zeros(1, 1, 2, 6, 17, 3)), mode='train')
    with pytest.raises(ValueError, match=r'num_clips.*\(1, 2, 6, 17, 3\)'):
        model(dict(keypoint=torch.zeros(1, 2, 6, 17, 3)))


def test_heads_width_comes_from_the_backbone() -> None:
    assert build().cls_head.in_channels == 8
    with pytest.raises(ValueError, match='CTRGCN gives 8 channels, GCNHead takes in_channels=9'):
        build(in_channels=9)
    with pytest.raises(ValueError, match='Identity declares no out_channels'):
        SkeletonRecognizer(nn.Identity(), dict(type='GCNHead', num_classes=4))


def test_modules_are_accepted_as_they_are() -> None:
    parts = build()
    model = SkeletonRecognizer(parts.backbone, parts.cls_head, SkeletonDataPreprocessor())
    assert model.backbone is parts.backbone
    assert model.cls_head is parts.cls_head


def test_configurations_are_left_alone() -> None:
    head = dict(type='GCNHead', num_classes=4)
    backbone = copy.deepcopy(BACKBONE)
    SkeletonRecognizer(backbone, head)
    assert head == dict(type='GCNHead', num_classes=4)
    assert backbone == BACKBONE


def test_foreign_backbone_and_head() -> None:
    """MMAction2's own classes, prefixed, on its own graph."""
    model = SkeletonRecognizer(
        dict(type='mmaction.STGCN', graph_cfg=dict(layout='coco', mode='spatial'), num_stages=2),
        dict(type='mmaction.GCNHead', num_classes=4, in_channels=64),
    )
    batch = pseudo_collate([sample(i, index=i) for i in range(2)])
    assert model(**model.data_preprocessor(batch), mode='loss')['loss_cls'].isfinite()
    assert model.eval().test_step(batch)[0].pred_score.shape == (4,)
    own = SkeletonRecognizer(copy.deepcopy(BACKBONE), dict(type='mmaction.GCNHead', num_classes=4))
    assert own(**own.data_preprocessor(batch), mode='loss')['loss_cls'].isfinite()


def state_with_extras(model: nn.Module) -> dict[str, Tensor]:
    return {**model.state_dict(), 'co_learning.mlp.weight': torch.zeros(2)}


def test_ignored_keys_are_dropped_on_load(tmp_path: object) -> None:
    source = build()
    checkpoint = state_with_extras(source)
    before = set(checkpoint)
    with pytest.raises(RuntimeError, match=r'co_learning\.mlp\.weight'):
        build().load_state_dict(checkpoint)
    head = dict(type='GCNHead', num_classes=4)
    model = SkeletonRecognizer(copy.deepcopy(BACKBONE), head, ignore_keys=('co_learning.',))
    assert not any(model.load_state_dict(checkpoint))
    assert set(checkpoint) == before
    torch.save(dict(state_dict=checkpoint), tmp_path / 'full.pth')
    load_checkpoint(model, str(tmp_path / 'full.pth'), strict=True)
    assert torch.equal(model.cls_head.fc.weight, source.cls_head.fc.weight)
    with pytest.raises(RuntimeError, match='other'):
        model.load_state_dict({**checkpoint, 'other': torch.zeros(1)})


def test_deployed_configuration_is_the_same() -> None:
    cfg = dict(type='SkeletonRecognizer', backbone=BACKBONE)
    assert SkeletonRecognizer.deploy_cfg(cfg) is cfg


def test_recognizer_survives_copies() -> None:
    model = build().eval()
    inputs = pseudo_collate([sample(0)])['inputs']
    inputs = dict(keypoint=torch.stack(inputs['keypoint']))
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(twin(inputs), model(inputs))
