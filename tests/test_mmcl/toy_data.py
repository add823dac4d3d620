"""A tiny co-learning task: store, composites, text features, model and Runner."""

import itertools
from pathlib import Path
from typing import Any

import torch
from mmaction.structures import ActionDataSample
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from tiny_data import write_tiny_images, write_tiny_store, write_tiny_text
from torch import Tensor, nn

import mmcl_ext.mmcl  # noqa: F401
from mmcl_ext.registry import MODELS

TEXT_WIDTH = 5
CLASSES = 3
_counter = itertools.count()


class Pixels(nn.Module):
    """A convolution as image encoder, always with the same weights."""

    def __init__(self, out_channels: int = 10) -> None:
        super().__init__()
        self.out_channels = out_channels
        with torch.random.fork_rng():
            torch.manual_seed(1)
            self.conv = nn.Conv2d(3, out_channels, 3, stride=4)

    def forward(self, image: Tensor) -> Tensor:
        return self.conv(image)


def backbone_cfg() -> dict[str, Any]:
    return dict(
        type='CTRGCN',
        graph_cfg=dict(type='SkeletonGraph', layout='nturgb+d', mode='spatial'),
        base_channels=8,
        num_stages=2,
        inflate_stages=(2,),
        down_stages=(2,),
    )


def skeleton_cfg() -> dict[str, Any]:
    head = dict(type='GCNHead', num_classes=CLASSES, topk=(1,), dropout=0.1)
    return dict(type='SkeletonRecognizer', backbone=backbone_cfg(), cls_head=head)


def branch_cfg(**changes: Any) -> dict[str, Any]:
    """Co-learning with every part; ``changes`` replaces parts."""
    parts = dict(
        image_encoder=dict(type='ImageEncoder', backbone=Pixels()),
        fam=dict(type='FAM'),
        frm=dict(type='FRM', text_channels=TEXT_WIDTH),
    )
    return dict(type='CoLearning', **{**parts, **changes})


def mmcl_cfg(**changes: Any) -> dict[str, Any]:
    return {**skeleton_cfg(), 'type': 'MMCLRecognizer', 'co_learning': branch_cfg(**changes)}


def build(cfg: dict[str, Any]) -> Any:
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmcl_ext'):
        return MODELS.build(cfg)


def batch(num: int = 4, clips: int = 1, image: tuple[int, ...] = (3, 32, 32)) -> dict[str, Any]:
    """Random inputs as a data loader delivers them."""
    generator = torch.Generator().manual_seed(7)

    def images() -> Tensor:
        if len(image) == 1:
            return torch.randn(image, generator=generator)
        return torch.randint(0, 256, image, generator=generator, dtype=torch.uint8)

    inputs = dict(
        keypoint=[torch.randn(clips, 2, 12, 25, 3, generator=generator) for _ in range(num)],
        image=[images() for _ in range(num)],
        text=[torch.randn(TEXT_WIDTH, generator=generator) for _ in range(num)],
    )
    samples = [ActionDataSample().set_gt_label(i % CLASSES) for i in range(num)]
    return dict(inputs=inputs, data_samples=samples)


def losses(model: Any, data: dict[str, Any]) -> dict[str, Tensor]:
    return model(**model.data_preprocessor(data, True), mode='loss')


def write_data(folder: Path, **kwargs: Any) -> list[str]:
    """Write a store, its composites and its text features."""
    names = write_tiny_store(folder / 'toy.safetensors', **kwargs)
    write_tiny_images(folder / 'images', names, size=(40, 40))
    write_tiny_text(folder / 'text.safetensors', names, width=TEXT_WIDTH)
    return names


def side_transforms(folder: Path) -> list[dict[str, Any]]:
    return [
        dict(type='LoadCompositeImage', img_dir=str(folder / 'images'), size=(32, 32)),
        dict(type='LoadTextFeature', file=str(folder / 'text.safetensors')),
    ]


def pipeline(side: list[dict[str, Any]], keys: tuple[str, ...]) -> list[dict[str, Any]]:
    return [
        *side,
        dict(type='CenterSkeleton'),
        dict(type='ValidCropResize', window=12, p_interval=(0.95,)),
        dict(type='FormatSkeleton', num_person=2),
        dict(type='PackActionInputs', collect_keys=keys, meta_keys=('sample_name',)),
    ]


def loader(folder: Path, split: str, transforms: list[dict[str, Any]]) -> dict[str, Any]:
    dataset = dict(
        type='SkeletonDataset',
        ann_file=str(folder / 'toy.safetensors'),
        split=split,
        pipeline=transforms,
    )
    sampler = dict(type='DefaultSampler', shuffle=False)
    return dict(batch_size=4, num_workers=0, dataset=dataset, sampler=sampler)


def runner(
    folder: Path,
    hooks: list[dict[str, Any]],
    model: dict[str, Any] | None = None,
    side: list[dict[str, Any]] | None = None,
    keys: tuple[str, ...] = ('keypoint', 'image', 'text'),
    validate: bool = False,
    **kwargs: Any,
) -> Runner:
    """A Runner of two epochs on the toy data."""
    side = side_transforms(folder) if side is None else side
    validation = dict(
        val_cfg=dict(),
        val_dataloader=loader(folder, 'xsub_val', pipeline([], ('keypoint',))),
        val_evaluator=dict(type='AccMetric'),
    )
    settings = dict(
        model=mmcl_cfg() if model is None else model,
        work_dir=str(folder / 'work'),
        train_dataloader=loader(folder, 'xsub_train', pipeline(side, keys)),
        train_cfg=dict(by_epoch=True, max_epochs=2),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.01)),
        custom_hooks=hooks,
        default_scope='mmcl_ext',
        experiment_name=f'toy{next(_counter)}',
        log_level='WARNING',
        **(validation if validate else {}),
    )
    return Runner(**{**settings, **kwargs})
