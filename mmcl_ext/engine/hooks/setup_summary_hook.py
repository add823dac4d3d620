"""What a run is made of, in a few lines before its first step."""

from collections.abc import Mapping, Sized
from typing import Any, cast

from mmengine.dist import get_world_size
from mmengine.hooks import Hook
from mmengine.logging import MMLogger
from mmengine.runner import Runner
from torch.utils.data import DataLoader, IterableDataset

from mmcl_ext.datasets.nested_datasets import iterate_datasets
from mmcl_ext.datasets.skeleton_dataset import SkeletonDataset
from mmcl_ext.fileio.printable import counted
from mmcl_ext.parallel.collectives import unwrap_model
from mmcl_ext.registry import HOOKS


@HOOKS.register_module()
class SetupSummaryHook(Hook):
    """Log the data, the model, the schedule and the log file, a line each."""

    priority = 'VERY_LOW'  # after the checks

    def before_train(self, runner: Runner) -> None:
        """Describe a training."""
        log, loader = runner.logger.info, runner.train_dataloader
        _log_data(runner, 'train', loader)
        log(f'an epoch: {_describe_batches(loader)}')
        if runner.val_loop is not None:
            _log_data(runner, 'val', runner.val_dataloader)
        log(_describe_model(runner))
        log(_describe_schedule(runner))
        file = runner.logger.log_file if isinstance(runner.logger, MMLogger) else None
        log(f'configuration, environment and hooks: {file}')

    def before_test(self, runner: Runner) -> None:
        """Describe a test."""
        _log_data(runner, 'test', runner.test_dataloader)
        runner.logger.info(_describe_model(runner))


def _log_data(runner: Runner, use: str, loader: DataLoader) -> None:
    for part in iterate_datasets(loader.dataset):
        if isinstance(part, SkeletonDataset):
            split = 'all samples' if part.split is None else f'split {part.split!r}'
            classes = counted(len(part.metainfo.get('classes') or ()), 'class', 'classes')
            runner.logger.info(
                f'{use} data: {counted(len(part), "sample")} of {part.ann_file}, {split}, layout '
                f'{part.layout!r}, {classes}'
            )


def _describe_batches(loader: DataLoader) -> str:
    if isinstance(loader.dataset, IterableDataset):
        return 'without end'
    size = getattr(loader.batch_sampler, 'batch_size', loader.batch_size)
    each = f' in each of {get_world_size()} processes' * (get_world_size() > 1)
    return (
        f'{counted(len(cast(Sized, loader.dataset)), "sample")}, '
        f'{counted(len(loader), "batch", "batches")} of {size}{each}'
    )


def _describe_model(runner: Runner) -> str:
    model: Any = unwrap_model(runner.model)
    parts = [getattr(model, name, None) for name in ('backbone', 'cls_head')]
    names = [type(part).__name__ for part in parts if part is not None]
    sizes = [p.numel() for p in model.parameters()]
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    num_classes = getattr(parts[1], 'num_classes', None)
    classes = '' if num_classes is None else f', {counted(num_classes, "class", "classes")}'
    return (
        f'model: {type(model).__name__}'
        + f' of {" and ".join(names)}' * bool(names)
        + classes
        + f', {sum(sizes):,} parameters'
        + f', {trained:,} of them trained' * (trained < sum(sizes))
    )


def _describe_schedule(runner: Runner) -> str:
    loop: Any = runner.train_loop
    length = (
        counted(loop.max_epochs, 'epoch')
        if hasattr(loop, 'max_epochs')
        else counted(loop.max_iters, 'step')
    )
    settings = runner.cfg.get('optim_wrapper') or {}
    optimizer = settings.get('optimizer', {})
    rate = f' with learning rate {optimizer.get("lr")}' * ('lr' in optimizer)
    schedulers = runner.cfg.get('param_scheduler') or ()
    schedulers = [schedulers] if isinstance(schedulers, Mapping) else schedulers
    names = [str(s.get('type')) for s in schedulers]
    return f'schedule: {length}, ' + ', '.join([f'{optimizer.get("type")}{rate}', *names])
