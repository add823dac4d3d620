"""Two gloo processes against one process on the same global batch."""

import copy
import os

import pytest
import torch
import torch.multiprocessing as mp
from free_port import free_port
from mmaction.structures import ActionDataSample
from mmengine.config import Config
from mmengine.dist import all_reduce
from mmengine.registry import init_default_scope
from torch import nn

from mmcl_ext.config.launch import prepare_launch
from mmcl_ext.mmcl import MMCLRecognizer
from mmcl_ext.registry import MODEL_WRAPPERS

N, K, F, D = 8, 3, 6, 4  # samples, classes, image and text widths


def build_model(gather):
    """A small recognizer with all parts of co-learning, batch norm in eval mode."""
    init_default_scope('mmcl_ext')
    torch.manual_seed(0)
    graph = dict(type='SkeletonGraph', layout='nturgb+d', mode='spatial')
    stages = dict(num_stages=2, base_channels=8, inflate_stages=(2,), down_stages=(2,))
    model = MMCLRecognizer(
        backbone=dict(type='CTRGCN', graph_cfg=graph, **stages),
        cls_head=dict(type='GCNHead', num_classes=K),
        co_learning=dict(
            type='CoLearning',
            fam=dict(type='FAM', in_channels=F),
            frm=dict(type='FRM', text_channels=D),
            loss=dict(type='MMCLLoss', contrastive=dict(type='ContrastiveLoss', gather=gather)),
        ),
    )
    for parameter in model.parameters():  # CTR-GCN starts with zeros that hide gradients
        nn.init.normal_(parameter, std=0.2) if not parameter.any() else None
    return model.eval().double()


def global_batch():
    generator = torch.Generator().manual_seed(1)
    shapes = dict(keypoint=(N, 1, 2, 8, 25, 3), image=(N, F), text=(N, D))
    inputs = {
        key: torch.randn(shape, generator=generator, dtype=torch.float64)
        for key, shape in shapes.items()
    }
    samples = [ActionDataSample().set_gt_label(i % K) for i in range(N)]
    return inputs, samples


def loss_and_gradients(model, inputs, samples):
    """Forward and backward of a model or of its data-parallel wrapper."""
    losses = model(inputs, copy.deepcopy(samples), mode='loss')
    inner = getattr(model, 'module', model)
    loss, _ = inner.parse_losses(losses)
    loss.backward()
    return loss.detach(), {k: p.grad.clone() for k, p in inner.named_parameters()}


def work(rank, port, gather, path):
    """Body of one of the two processes: its half of the batch."""
    torch.set_num_threads(1)
    os.environ.update(
        RANK=str(rank),
        LOCAL_RANK=str(rank),
        WORLD_SIZE='2',
        MASTER_ADDR='127.0.0.1',
        MASTER_PORT=str(port),
    )
    cfg = Config(dict(launcher='pytorch'))
    prepare_launch(cfg)
    model = MODEL_WRAPPERS.build(dict(cfg.model_wrapper_cfg, module=build_model(gather)))
    inputs, samples = global_batch()
    half = slice(rank * N // 2, (rank + 1) * N // 2)
    inputs = {key: value[half] for key, value in inputs.items()}
    loss, gradients = loss_and_gradients(model, inputs, samples[half])
    all_reduce(loss, 'mean')
    if rank == 0:
        torch.save((loss, gradients), path)
    del model
    torch.distributed.destroy_process_group()


def run_two(gather, path):
    mp.spawn(work, args=(free_port(), gather, path), nprocs=2)
    return torch.load(path, weights_only=True)


def compare(found, expected):
    assert found[0] == pytest.approx(expected[0].item(), abs=1e-6)
    assert found[1].keys() == expected[1].keys()
    for key, gradient in expected[1].items():
        assert gradient.any(), f'{key} has no gradient: nothing is compared'
        torch.testing.assert_close(found[1][key], gradient, rtol=1e-6, atol=1e-9)


def test_with_gather_two_processes_equal_one_on_the_whole_batch(tmp_path):
    expected = loss_and_gradients(build_model(gather=False), *global_batch())
    compare(run_two(True, tmp_path / 'result.pt'), expected)


def test_without_gather_each_process_takes_its_own_negatives(tmp_path):
    inputs, samples = global_batch()
    halves = []
    for half in (slice(N // 2), slice(N // 2, N)):
        part = {key: value[half] for key, value in inputs.items()}
        halves.append(loss_and_gradients(build_model(gather=False), part, samples[half]))
    loss = (halves[0][0] + halves[1][0]) / 2
    gradients = {key: (value + halves[1][1][key]) / 2 for key, value in halves[0][1].items()}
    found = run_two(False, tmp_path / 'result.pt')
    compare(found, (loss, gradients))
    whole, _ = loss_and_gradients(build_model(gather=False), inputs, samples)
    assert abs(found[0] - whole) > 1e-3  # fewer negatives: another loss than with gather
