"""Body-part mixup: which joints and frames another clip gives, and what the labels say of it."""

from typing import Any

import pytest
import torch
from mmaction.structures import ActionDataSample
from torch import Tensor
from training import GradientsKept

from mmcl_ext.graphs.body_parts import body_parts
from mmcl_ext.models import BodyPartMixup, SkeletonDataPreprocessor, SkeletonRecognizer

CLASSES = 6
MIXUP = dict(type='BodyPartMixup', num_classes=CLASSES)


def told_apart(samples: int = 4, frames: int = 100, joints: int = 25) -> Tensor:
    """Clips (N, 1, M, T, V, 2) that say whose they are, and their frame."""
    clips = torch.zeros(samples, 1, 2, frames, joints, 2)
    clips[..., 0] += torch.arange(samples).view(-1, 1, 1, 1, 1)
    clips[..., 1] += torch.arange(frames).view(-1, 1)
    return clips


def one_hot(samples: int) -> Tensor:
    return torch.eye(CLASSES)[:samples]


def test_parts_and_stretches_are_those_of_skeletonagent() -> None:
    """Two or three of five parts, 13 to 20 of the 25 quarters of the frames, in one block."""
    torch.manual_seed(0)
    mixup = BodyPartMixup(CLASSES, linear=0)
    parts = body_parts('nturgb+d')
    groups = [set(parts['head'] + parts['trunk'])]
    groups += [set(parts[name]) for name in ('left_arm', 'right_arm', 'left_leg', 'right_leg')]
    assert sorted(map(len, groups)) == [4, 4, 5, 6, 6]
    numbers, lengths, sources, shifts = set(), set(), set(), set()
    clips = told_apart()
    for _ in range(300):
        blended, labels = mixup.do_blending(clips, one_hot(4))
        changed = blended[..., 0] != clips[..., 0]  # (N, 1, M, T, V)
        assert (changed == changed[:1, :, :1]).all()  # the same in all clips and persons
        place = changed[0, 0, 0]
        joints = set(place.any(0).nonzero().flatten().tolist())
        frames = place.any(1).nonzero().flatten()
        assert (place == place.any(1)[:, None] & place.any(0)).all()
        taken = [group for group in groups if group <= joints]
        assert set().union(*taken) == joints
        first, last = int(frames[0]), int(frames[-1])
        assert len(frames) == last - first + 1
        assert first % 4 == 0
        source = blended[0, 0, 0, frames, min(joints), 1]
        assert (source.diff() >= 0).all()  # stretched in time, never turned round
        assert source[0] % 4 == 0
        shift = int(blended[0, 0, 0, first, min(joints), 0])
        share = len(frames) * len(joints) / (100 * 25)
        torch.testing.assert_close(labels[0], torch.lerp(one_hot(4)[0], one_hot(4)[shift], share))
        torch.testing.assert_close(labels.sum(1), torch.ones(4))
        numbers.add(len(taken))
        lengths.add(len(frames))
        sources.add(float(source[-1] - source[0]) > len(frames))
        shifts.add(shift)
    assert numbers == {2, 3}
    assert lengths == set(range(52, 81, 4))
    assert sources == {False, True}
    assert shifts == {1, 2, 3}


def test_linear_mixup() -> None:
    torch.manual_seed(0)
    clips = torch.randn(3, 1, 2, 20, 25, 3)
    blended, labels = BodyPartMixup(CLASSES, linear=1).do_blending(clips, one_hot(3))
    other = next(i for i in (1, 2) if labels[0, i] > 0)
    share = labels[0, other]
    assert 0 < share < 1
    torch.testing.assert_close(blended[0], torch.lerp(clips[0], clips[other], share))


def test_how_often_is_linear() -> None:
    torch.manual_seed(0)
    mixup, clips = BodyPartMixup(CLASSES), told_apart(2)
    blended = [mixup.do_blending(clips, one_hot(2))[0] for _ in range(200)]
    linear = sum(bool((x[0, ..., 0] != 0).all()) for x in blended)  # no joint stayed
    assert 30 <= linear <= 70


def samples(number: int) -> list[ActionDataSample]:
    return [ActionDataSample().set_gt_label(label) for label in range(number)]


@pytest.mark.parametrize('keep', [False, True])
@pytest.mark.parametrize('kind', ['BodyPartMixup', 'MixupBlending'])
def test_in_training_only(kind: str, keep: bool) -> None:
    torch.manual_seed(0)
    blending = dict(type=kind, num_classes=CLASSES)
    preprocessor = SkeletonDataPreprocessor(blending=blending, keep_clips=keep)
    clips = torch.randn(3, 1, 2, 100, 25, 3)
    data: dict[str, Any] = dict(inputs=dict(keypoint=list(clips)), data_samples=samples(3))
    tested = preprocessor(data)
    assert torch.equal(tested['inputs']['keypoint'], clips)
    trained = preprocessor(data, training=True)
    assert [int(sample.gt_label) for sample in data['data_samples']] == [0, 1, 2]
    labels = torch.stack([sample.gt_label for sample in trained['data_samples']])
    blended = trained['inputs']['keypoint']
    assert blended.shape[0] == len(labels) == (6 if keep else 3)
    assert not torch.equal(blended[-3:], clips)
    if keep:
        assert torch.equal(blended[:3], clips)
        assert torch.equal(labels[:3], one_hot(3))
    torch.testing.assert_close(labels.sum(1), torch.ones(len(labels)))
    with pytest.raises(ValueError, match='blending needs data_samples'):
        preprocessor(dict(inputs=dict(keypoint=clips)), training=True)


def test_the_loss_is_that_of_both_halves() -> None:
    """Weighted by 2, as SkeletonAgent sums the cross entropies of clips and of blended clips."""
    torch.manual_seed(0)
    graph = dict(type='SkeletonGraph', layout='nturgb+d')
    small = dict(base_channels=8, num_stages=2, inflate_stages=(2,), down_stages=(2,))
    model = SkeletonRecognizer(
        dict(type='CTRGCN', graph_cfg=graph, **small),
        dict(
            type='GCNHead',
            num_classes=CLASSES,
            loss_cls=dict(type='CrossEntropyLoss', loss_weight=2.0),
        ),
        dict(type='SkeletonDataPreprocessor', blending=MIXUP, keep_clips=True),
    )
    clips = torch.randn(3, 1, 2, 100, 25, 3)
    data: dict[str, Any] = dict(inputs=dict(keypoint=list(clips)), data_samples=samples(3))
    batch = model.data_preprocessor(data, training=True)
    losses = model(**batch, mode='loss')
    logits = model(batch['inputs'])
    labels = torch.stack([sample.gt_label for sample in batch['data_samples']])
    each = -(labels * logits.log_softmax(1)).sum(1)
    torch.testing.assert_close(losses['loss_cls'], each[:3].mean() + each[3:].mean())
    assert model.train_step(data, GradientsKept(model))['loss'].isfinite()


def test_what_belongs_to_clips_is_not_blended() -> None:
    preprocessor = SkeletonDataPreprocessor(blending=MIXUP)
    inputs = dict(keypoint=torch.zeros(2, 1, 1, 8, 25, 3), text=torch.zeros(2, 5))
    with pytest.raises(ValueError, match=r"inputs are \['keypoint', 'text'\]"):
        preprocessor(dict(inputs=inputs, data_samples=samples(2)), training=True)


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        (dict(parts=(0, 3)), 'parts takes'),
        (dict(parts=(2, 6)), 'parts takes'),
        (dict(frames=(0.5, 1.5)), 'frames takes'),
        (dict(linear=2), 'linear must'),
    ],
)
def test_bad_settings(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BodyPartMixup(CLASSES, **settings)


def test_clips_that_do_not_fit_are_named() -> None:
    with pytest.raises(ValueError, match='25 joints, the clips have 20'):
        BodyPartMixup(CLASSES).do_blending(torch.zeros(2, 8, 20, 3), one_hot(2))
    with pytest.raises(ValueError, match='exchanges 4 frames or more, the clips have 3'):
        BodyPartMixup(CLASSES, linear=0).do_blending(torch.zeros(2, 3, 25, 3), one_hot(2))
