"""Networks on heat maps: MMAction2's SlowOnly in the shape of PoseC3D."""

import copy
import pickle

import numpy as np
import pytest
import torch
from mmaction import registry as mmaction_registry
from mmaction.structures import ActionDataSample
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import DefaultScope, init_default_scope
from torch import nn
from training import GradientsKept, without_gradient

from mmcl_ext.registry import MODELS

TINY = dict(base_channels=4, stage_blocks=(1, 1), temporal_strides=(1, 2), inflate=(0, 1))
PIPELINE = [
    dict(type='UniformSampleFrames', clip_len=4),
    dict(type='PoseDecode'),
    dict(type='PoseCompact', hw_ratio=1.0, allow_imgpad=True),
    dict(type='Resize', scale=(16, 16), keep_ratio=False),
    dict(type='GeneratePoseTarget', sigma=0.6, use_score=True),
    dict(type='FormatShape', input_format='NCTHW_Heatmap'),
    dict(type='PackActionInputs', collect_keys=('imgs',)),
]


@pytest.fixture(autouse=True)
def _scope() -> None:
    init_default_scope('mmcl_ext')


def recognizer() -> nn.Module:
    torch.manual_seed(0)
    return MODELS.build(
        dict(
            type='SkeletonRecognizer',
            backbone=dict(type='PoseC3D', **TINY),
            cls_head=dict(type='HeatmapHead', num_classes=6, average_clips='prob'),
            input_key='imgs',
        )
    )


def sample(label: int) -> dict:
    """One video of 2D joints, as MMAction2's annotations give it."""
    generator = np.random.default_rng(label)
    return dict(
        keypoint=generator.uniform(10, 50, (1, 9, 17, 2)).astype('f4'),
        keypoint_score=np.ones((1, 9, 17), 'f4'),
        img_shape=(64, 64),
        original_shape=(64, 64),
        total_frames=9,
        start_index=0,
        label=label,
        modality='Pose',
    )


def test_mmaction2s_heat_maps_train_and_test() -> None:
    pipeline = Compose(PIPELINE)
    batch = pseudo_collate([pipeline(sample(label)) for label in range(3)])
    assert batch['inputs']['imgs'][0].shape == (1, 17, 4, 16, 16)
    model = recognizer()
    before = copy.deepcopy(model.state_dict())
    assert model.train_step(batch, GradientsKept(model))['loss'].isfinite()
    assert without_gradient(model) == []
    assert not torch.equal(before['backbone.conv1.conv.weight'], model.backbone.conv1.conv.weight)
    scores = [s.pred_score for s in model.test_step(batch)]
    assert torch.stack(scores).sum(dim=1).tolist() == pytest.approx([1.0] * 3)


def test_the_same_as_mmaction2s_recognizer() -> None:
    """Its checkpoints load as they are, and its scores come out."""
    ours = recognizer().eval()
    with DefaultScope.overwrite_default_scope('mmaction'):
        theirs = mmaction_registry.MODELS.build(
            dict(
                type='Recognizer3D',
                backbone=dict(
                    type='ResNet3dSlowOnly',
                    depth=50,
                    in_channels=17,
                    base_channels=4,
                    num_stages=2,
                    out_indices=(1,),
                    stage_blocks=(1, 1),
                    conv1_stride_s=1,
                    pool1_stride_s=1,
                    inflate=(0, 1),
                    spatial_strides=(2, 2),
                    temporal_strides=(1, 2),
                    dilations=(1, 1),
                ),
                cls_head=dict(type='I3DHead', num_classes=6, in_channels=32, average_clips='prob'),
            )
        ).eval()
    ours.load_state_dict(theirs.state_dict())
    imgs = torch.rand(2, 3, 17, 4, 16, 16)
    expected = theirs(imgs, [ActionDataSample() for _ in imgs], mode='predict')
    actual = ours(dict(imgs=imgs), [ActionDataSample() for _ in imgs], mode='predict')
    for a, b in zip(actual, expected, strict=True):
        torch.testing.assert_close(a.pred_score, b.pred_score)


def test_published_width_and_parameters() -> None:
    """MMAction2's model zoo gives 2.0M for its configuration of 60 classes."""
    backbone = MODELS.build(dict(type='PoseC3D'))
    head = MODELS.build(dict(type='HeatmapHead', num_classes=60, in_channels=backbone.out_channels))
    assert backbone.out_channels == 512
    counted = sum(p.numel() for m in (backbone, head) for p in m.parameters())
    assert round(counted / 1e6, 1) == 2.0


@pytest.mark.parametrize(('dtype', 'tolerance'), [(torch.float64, 1e-9), (torch.float32, 1e-5)])
def test_a_sample_does_not_depend_on_its_batch(dtype: torch.dtype, tolerance: float) -> None:
    model = recognizer()
    x = torch.rand(3, 1, 17, 4, 16, 16)
    model(dict(imgs=x), mode='tensor')  # running statistics
    model.to(dtype).eval()
    x = x.to(dtype)
    with torch.no_grad():
        together = model(dict(imgs=x), mode='tensor')
        alone = torch.cat([model(dict(imgs=clip[None]), mode='tensor') for clip in x])
    assert together.std(dim=0).max() > 0  # the samples differ
    torch.testing.assert_close(together, alone, rtol=0, atol=tolerance * float(alone.abs().max()))


def test_features_copies_and_messages() -> None:
    backbone = MODELS.build(dict(type='PoseC3D', **TINY)).eval()
    x = torch.rand(2, 17, 4, 16, 16)
    feats = backbone(x)
    assert feats.shape == (2, backbone.out_channels, 2, 4, 4)
    for copied in (copy.deepcopy(backbone), pickle.loads(pickle.dumps(backbone))):
        assert torch.equal(copied(x), feats)
    head = MODELS.build(dict(type='HeatmapHead', num_classes=6, in_channels=32))
    torch.testing.assert_close(head.pool(feats), feats.flatten(2).mean(dim=2))
    with pytest.raises(ValueError, match=r'\(N, 17, T, H, W\).*\(2, 16, 4, 16, 16\)'):
        backbone(x[:, 1:])
    with pytest.raises(ValueError, match=r'\(N, 32, T, H, W\).*\(2, 31, 2, 4, 4\)'):
        head.pool(feats[:, 1:])
