"""The fused network gives the logits of the one it was made from."""

import pytest
import torch

from mmcl_ext.deployment.optimize import optimize_for_inference
from mmcl_ext.models import SkeletonRecognizer
from test_deployment.test_empty_persons import BACKBONES, NTU, clips, relative, trained


def recognizer(backbone: torch.nn.Module) -> SkeletonRecognizer:
    torch.manual_seed(1)
    head = dict(type='mmcl_ext.GCNHead', num_classes=7)
    return trained(SkeletonRecognizer(backbone, head))


@pytest.mark.parametrize('name', BACKBONES)
@torch.inference_mode()
def test_equal_logits(name: str) -> None:
    torch.manual_seed(0)
    model = recognizer(BACKBONES[name]())
    fast = optimize_for_inference(model)
    x = dict(keypoint=clips(1, 2, 1).unsqueeze(1))
    assert relative(fast(x), model(x)) <= 1e-5


@pytest.mark.parametrize('frames', [1, 2, 3, 7, 64])
@pytest.mark.parametrize('relu', [False, True])
@torch.inference_mode()
def test_every_length_and_variant(frames: int, relu: bool) -> None:
    backbone = dict(
        type='mmcl_ext.CTRGCN',
        graph_cfg=NTU,
        base_channels=16,
        num_stages=4,
        inflate_stages=(2, 4),
        down_stages=(2, 3),
        relu_after_concat=relu,
    )
    model = recognizer(backbone).double()
    x = dict(keypoint=clips(2, 2, frames=frames).unsqueeze(1).double())
    assert relative(optimize_for_inference(model)(x), model(x)) <= 1e-12


@torch.inference_mode()
def test_the_model_itself_is_left_alone() -> None:
    model = recognizer(BACKBONES['ctrgcn']()).train()
    names = list(model.state_dict())
    fast = optimize_for_inference(model)
    assert list(model.state_dict()) == names
    assert model.training
    assert not fast.training
    assert any(p.requires_grad for p in model.parameters())
    assert not any(p.requires_grad for p in fast.parameters())
