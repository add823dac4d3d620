"""Check before the first step that data and model agree."""

from collections.abc import Sized
from typing import Any, cast

import numpy as np
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import DataLoader, IterableDataset

from mmcl_ext.datasets.skeleton_dataset import SkeletonDataset
from mmcl_ext.datasets.transforms import InterpolateJoints, SkeletonStream
from mmcl_ext.engine.hooks.augmentation_seed_hook import iterate_datasets
from mmcl_ext.graphs import get_layout
from mmcl_ext.graphs.layout import conflict
from mmcl_ext.parallel.unwrap_model import unwrap_model
from mmcl_ext.registry import HOOKS


@HOOKS.register_module()
class DataCheckHook(Hook):
    """Stop before the first step where the data do not fit the model.

    Each check raises one ValueError that names the annotation file, the sample
    and the field, and both sides of a disagreement: labels outside the head's
    classes, coordinates that are not finite, other joints than the backbone's
    graph has, other shapes than the backbone takes, and a ``stream`` variable
    that the pipeline does not follow. A training that would not make a single step,
    its data being fewer than a batch, stops, too. Datasets other than
    :class:`~mmcl_ext.datasets.SkeletonDataset` are left alone. A missing file or
    split stops the run earlier, when the data set is built.
    """

    priority = 'LOW'  # after checks of other files that the pipeline reads

    def before_train(self, runner: Runner) -> None:
        """Check the training and the validation data."""
        check_steps(runner.train_dataloader)
        self._check(runner, runner.train_dataloader.dataset)
        if runner.val_loop is not None:
            self._check(runner, runner.val_dataloader.dataset)

    def before_test(self, runner: Runner) -> None:
        """Check the test data."""
        self._check(runner, runner.test_dataloader.dataset)

    def _check(self, runner: Runner, dataset: Any) -> None:
        model = unwrap_model(runner.model)
        for part in iterate_datasets(dataset):
            if isinstance(part, SkeletonDataset):
                check_stream(part, runner.cfg.get('stream'))
                check_labels(part, getattr(model, 'cls_head', None))
                check_finite(part)
                check_joints(part, getattr(model, 'backbone', None))
                check_shape(part, getattr(model, 'backbone', None))


def check_steps(loader: DataLoader) -> None:
    """Check that an epoch has a step: a loader leaves out an incomplete last batch if told so.

    Raises:
        ValueError: With the numbers of samples and of samples a batch.
    """
    if isinstance(loader.dataset, IterableDataset) or len(loader):
        return
    batch_size = getattr(loader.batch_sampler, 'batch_size', loader.batch_size)
    samples = len(cast(Sized, loader.dataset))
    raise ValueError(
        f'training has no step: {samples} samples make no whole batch of {batch_size} '
        'a process, and drop_last leaves out the rest; lower train_dataloader.batch_size'
    )


def check_stream(dataset: SkeletonDataset, stream: str | None) -> None:
    """Check that the pipeline computes the stream that the configuration names.

    Raises:
        ValueError: The variable was changed after the pipeline had used it.
    """
    for transform in dataset.pipeline.transforms:
        if stream and isinstance(transform, SkeletonStream) and transform.stream != stream:
            raise ValueError(
                f'the configuration says stream={stream!r}, but the pipeline of '
                f'{dataset.ann_file}, split {dataset.split!r}, computes {transform.stream!r}: '
                'load the configuration with mmcl_ext.apis.load_config'
            )


def check_labels(dataset: SkeletonDataset, head: nn.Module | None) -> None:
    """Check that every label is a class of the head.

    Raises:
        ValueError: With the first sample that is not.
    """
    num_classes = getattr(head, 'num_classes', None)
    if num_classes is None:
        return
    labels = dataset.labels
    outside = np.flatnonzero((labels < 0) | (labels >= num_classes))
    if len(outside):
        raise ValueError(
            f'{_sample(dataset, outside[0])}, field label: {labels[outside[0]]} is not one of '
            f"the head's {num_classes} classes (0 to {num_classes - 1}){_more(outside)}; set "
            'model.cls_head.num_classes'
        )


def check_finite(dataset: SkeletonDataset) -> None:
    """Check that no coordinate is NaN or infinite.

    Raises:
        ValueError: With the first sample that has one.
    """
    counts = dataset.num_nonfinite
    bad = np.flatnonzero(counts)
    if len(bad):
        raise ValueError(
            f'{_sample(dataset, bad[0])}, field keypoint: {counts[bad[0]]} coordinates are NaN '
            f'or infinite{_more(bad)}'
        )


def check_joints(dataset: SkeletonDataset, backbone: nn.Module | None) -> None:
    """Check that data and backbone count the same joints in the same order, see :func:`conflict`.

    What counts is the layout after the pipeline, which may interpolate joints.

    Raises:
        ValueError: With both layouts.
    """
    graph = getattr(backbone, 'graph', None)
    if graph is None:
        return
    ours = get_layout(_piped_layout(dataset))
    if problem := conflict(ours, graph.layout):
        raise ValueError(
            f'{dataset.ann_file}, field layout: {ours.name!r} with {ours.num_joints} joints, but '
            f'the graph of {type(backbone).__name__} has layout {graph.layout.name!r} with '
            f'{graph.num_joints} joints: {problem}'
        )


def _piped_layout(dataset: SkeletonDataset) -> str:
    """Name the layout of what the pipeline delivers."""
    made = [t.target for t in dataset.pipeline.transforms if isinstance(t, InterpolateJoints)]
    return made[-1] if made else dataset.layout


def check_shape(dataset: SkeletonDataset, backbone: nn.Module | None) -> None:
    """Check persons and channels of the first sample after the pipeline.

    Raises:
        ValueError: With the sample's and the backbone's number.
    """
    keypoint = dataset[0]['inputs']['keypoint']  # (num_clips, M, T, V, C)
    fields = dict(num_person=keypoint.shape[1], in_channels=keypoint.shape[4])
    if getattr(backbone, 'data_bn_type', None) == 'VC':
        del fields['num_person']  # such a network of MMAction2 takes any number
    for field, found in fields.items():
        expected = getattr(backbone, field, None)
        if expected is not None and expected != found:
            raise ValueError(
                f'{_sample(dataset, 0)}, field keypoint after the pipeline: {field} is {found}, '
                f'but {type(backbone).__name__} was built with {field}={expected}'
            )


def _sample(dataset: SkeletonDataset, index: int) -> str:
    """Name a sample the way every message does."""
    name = dataset.sample_names[index]
    return f'{dataset.ann_file}, split {dataset.split!r}, sample {name!r}'


def _more(indices: np.ndarray) -> str:
    """Say how many other samples have the same fault."""
    return f' (and {len(indices) - 1} more samples)' if len(indices) > 1 else ''
