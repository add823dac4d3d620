from collections.abc import Mapping, Sequence, Sized
from typing import Any, cast

import numpy as np
import torch
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import DataLoader, IterableDataset

from mmcl_ext.datasets.nested_datasets import iterate_datasets
from mmcl_ext.datasets.skeleton_dataset import SkeletonDataset
from mmcl_ext.datasets.store import SkeletonStore
from mmcl_ext.datasets.transforms import InterpolateJoints, RandomMirror, SkeletonStream
from mmcl_ext.datasets.validation.body_measures import check_measures, measure_body
from mmcl_ext.datasets.validation.check_splits import check_splits
from mmcl_ext.datasets.validation.data_issue import DataIssue
from mmcl_ext.datasets.validation.sentinels import check_sentinels, count_sentinels
from mmcl_ext.fileio.printable import counted
from mmcl_ext.graphs import get_layout
from mmcl_ext.graphs.layout import conflict
from mmcl_ext.models.preprocessors.skeleton_data_preprocessor import SkeletonDataPreprocessor
from mmcl_ext.parallel.collectives import unwrap_model
from mmcl_ext.registry import HOOKS

_MOST_MEASURED = 500


@HOOKS.register_module()
class DataCheckHook(Hook):
    """Stop before the first step where the data do not fit the model.

    Each check raises one ValueError that names the annotation file, the sample and the field, and
    both sides of a disagreement: labels outside the head's classes, coordinates that are not
    finite, other joints than the backbone's graph has, other shapes than the backbone takes, a
    ``stream`` variable that the pipeline does not follow, an augmentation of batches that the
    pipeline does, too, or that belongs into it, and data that are fewer than a batch.
    Datasets other than :class:`~mmcl_ext.datasets.SkeletonDataset` are left alone. A missing file
    or split stops the run earlier, when the data set is built.

    What may be meant is logged as a warning: another number of class names than the head has
    classes and, before a training, what :func:`check_splits`, :func:`check_measures` and
    :func:`check_sentinels` find in up to 500 samples.
    """

    priority = 'LOW'  # after checks of other files that the pipeline reads

    def before_train(self, runner: Runner) -> None:
        """Check the training and the validation data."""
        check_steps(runner.train_dataloader)
        datasets = [runner.train_dataloader.dataset]
        model = unwrap_model(runner.model)
        for part in iterate_datasets(datasets[0]):
            if isinstance(part, SkeletonDataset):
                check_augment(part, getattr(model, 'data_preprocessor', None))
        datasets += [runner.val_dataloader.dataset] if runner.val_loop is not None else []
        for dataset in datasets:
            self._check(runner, dataset)
        if is_main_process():
            for warning in find_oddities(datasets):
                runner.logger.warning(warning)

    def before_test(self, runner: Runner) -> None:
        """Check the test data."""
        self._check(runner, runner.test_dataloader.dataset)

    def _check(self, runner: Runner, dataset: Any) -> None:
        model = unwrap_model(runner.model)
        for part in iterate_datasets(dataset):
            if isinstance(part, SkeletonDataset):
                check_stream(part, runner.cfg.get('stream'))
                check_labels(part, getattr(model, 'cls_head', None))
                if note := compare_classes(part, getattr(model, 'cls_head', None)):
                    runner.logger.warning(note)
                check_finite(part)
                check_joints(part, getattr(model, 'backbone', None))
                check_shape(part, getattr(model, 'backbone', None))


def check_steps(loader: DataLoader) -> None:
    """Check that an epoch has a step: a loader leaves out an incomplete last batch if told so."""
    if isinstance(loader.dataset, IterableDataset) or len(loader):
        return
    batch_size = getattr(loader.batch_sampler, 'batch_size', loader.batch_size)
    samples = counted(len(cast(Sized, loader.dataset)), 'sample makes', 'samples make')
    raise ValueError(
        f'training has no step: {samples} no whole batch of {batch_size} '
        'a process, and drop_last leaves out the rest; lower train_dataloader.batch_size'
    )


def check_stream(dataset: SkeletonDataset, stream: str | None) -> None:
    """Check that the pipeline computes the configuration's stream, not one set before a change."""
    for transform in dataset.pipeline.transforms:
        if stream and isinstance(transform, SkeletonStream) and transform.stream != stream:
            raise ValueError(
                f'the configuration says stream={stream!r}, but the pipeline of '
                f'{dataset.ann_file}, split {dataset.split!r}, computes {transform.stream!r}: '
                'load the configuration with mmcl_ext.apis.load_config'
            )


def check_augment(dataset: SkeletonDataset, preprocessor: nn.Module | None) -> None:
    """Check that batches can be augmented, not twice, and after all of the pipeline."""
    if not isinstance(preprocessor, SkeletonDataPreprocessor) or not preprocessor.augment:
        return
    steps = {type(step).__name__ for step in dataset.pipeline.transforms}
    pipeline = f'the pipeline of {dataset.ann_file}, split {dataset.split!r}'
    for transform in preprocessor.augment:
        name = type(transform).__name__
        if name in steps:
            raise ValueError(
                f'{name} is in {pipeline}, and in model.data_preprocessor.augment: '
                'take it out of one of them'
            )
        if 'NormalizeRange' in steps and not isinstance(transform, RandomMirror):
            raise ValueError(
                f'{name} belongs before NormalizeRange, but model.data_preprocessor.augment comes '
                f'after it: put {name} into {pipeline}'
            )
    first = {name: entry[None] for name, entry in _first_inputs(dataset).items()}
    with torch.random.fork_rng(devices=()):  # what this draws is not the training's
        preprocessor.augmented(first)


def check_labels(dataset: SkeletonDataset, head: nn.Module | None) -> None:
    """Check that every label is a class of the head."""
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


def compare_classes(dataset: SkeletonDataset, head: nn.Module | None) -> str:
    """Tell of another number of class names than the head has classes; '' if there is none."""
    names, size = dataset.metainfo.get('classes') or (), getattr(head, 'num_classes', None)
    if not names or size in (None, len(names)):
        return ''
    return (
        f'{dataset.ann_file} names {counted(len(names), "class", "classes")}, the head has {size}: '
        'set model.cls_head.num_classes unless that is meant'
    )


def find_oddities(datasets: Sequence[Any]) -> list[str]:
    """List what a person would see in the data that are trained and validated on."""
    parts = [p for d in datasets for p in iterate_datasets(d) if isinstance(p, SkeletonDataset)]
    stores = {p.ann_file: p.annotation for p in parts}
    found = [
        (file, issue)
        for file, store in stores.items()
        if isinstance(store, SkeletonStore)
        for issue in check_splits(store)
    ]
    for file in stores:
        found += [(file, issue) for issue in _measure([p for p in parts if p.ann_file == file])]
    return [f'{file}: {" ".join(issue.describe(5).split())}' for file, issue in found]


def _measure(parts: Sequence[SkeletonDataset]) -> list[DataIssue]:
    """Compare the bodies of samples, evenly spaced in the parts of one file."""
    items = [(part, i) for part in parts for i in range(len(part))]
    shown = items[:: -(-len(items) // _MOST_MEASURED)]
    keypoints = [part.get_data_info(i)['keypoint'] for part, i in shown]
    names = [part.sample_names[i] for part, i in shown]
    layout = get_layout(parts[0].layout)
    measures = [measure_body(keypoint, layout) for keypoint in keypoints]
    marks = dict(zip(names, map(count_sentinels, keypoints), strict=True))
    found = check_measures(names, measures, keypoints[0].shape[-1]) if keypoints else []
    return [*found, *check_sentinels(marks)]


def check_finite(dataset: SkeletonDataset) -> None:
    """Check that no coordinate is NaN or infinite."""
    counts = dataset.num_nonfinite
    bad = np.flatnonzero(counts)
    if len(bad):
        told = counted(int(counts[bad[0]]), 'coordinate is', 'coordinates are')
        raise ValueError(
            f'{_sample(dataset, bad[0])}, field keypoint: {told} NaN or infinite{_more(bad)}'
        )


def check_joints(dataset: SkeletonDataset, backbone: nn.Module | None) -> None:
    """Check that data, after the pipeline, and backbone have the same joints in one order."""
    graph = getattr(backbone, 'graph', None)
    if graph is None:
        return
    made = [t.target for t in dataset.pipeline.transforms if isinstance(t, InterpolateJoints)]
    ours = get_layout(made[-1] if made else dataset.layout)
    if problem := conflict(ours, graph.layout):
        raise ValueError(
            f'{dataset.ann_file}, field layout: {ours.name!r} with {ours.num_joints} joints, but '
            f'the graph of {type(backbone).__name__} has layout {graph.layout.name!r} with '
            f'{graph.num_joints} joints: {problem}'
        )


def check_shape(dataset: SkeletonDataset, backbone: nn.Module | None) -> None:
    """Check persons and channels of the first sample after the pipeline, and its keys."""
    keypoint = _first_inputs(dataset).get('keypoint')  # (num_clips, M, T, V, C)
    if keypoint is None:
        return
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


def _first_inputs(dataset: SkeletonDataset) -> Mapping[str, Any]:
    """Run the pipeline on the first sample."""
    try:
        inputs = dataset[0]['inputs']
    except KeyError as error:
        missing = error.args[0] if error.args else None
        packs = [
            step
            for step in dataset.pipeline.transforms
            if missing in (getattr(step, 'collect_keys', None) or ())
        ]
        if not packs:
            raise
        raise ValueError(
            f'{_sample(dataset, 0)}: {type(packs[0]).__name__} collects {missing!r}, which no '
            'transform of the pipeline makes: add one that loads it, or take it out of collect_keys'
        ) from None
    return inputs if isinstance(inputs, Mapping) else {}


def _sample(dataset: SkeletonDataset, index: int) -> str:
    name = dataset.sample_names[index]
    return f'{dataset.ann_file}, split {dataset.split!r}, sample {name!r}'


def _more(indices: np.ndarray) -> str:
    return f' (and {counted(len(indices) - 1, "more sample")})' if len(indices) > 1 else ''
