from collections.abc import Iterator, Sequence
from typing import Any

from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import BaseLoop, Runner
from torch import nn

from mmcl_ext.datasets.nested_datasets import iterate_datasets, sample_names
from mmcl_ext.fileio.printable import counted
from mmcl_ext.mmcl.co_learning import CoLearning
from mmcl_ext.mmcl.helper import TrainingSet
from mmcl_ext.mmcl.transforms.base import SideDataTransform
from mmcl_ext.mmcl.transforms.feature_transform import FeatureTransform
from mmcl_ext.parallel.collectives import unwrap_model
from mmcl_ext.registry import HOOKS


@HOOKS.register_module()
class CoLearningDataCheckHook(Hook):
    """Stop before the first step where images or text features are missing.

    Looks at the transforms of the built training pipeline. Every training sample
    has to have what the pipeline loads beside the skeleton, the widths of feature
    files have to fit the branch, and the pipeline has to deliver what the branch
    needs. All findings go into one ValueError, which lists ``num_shown`` of the missing samples.
    The main process checks, the others stop with it.
    """

    def __init__(self, num_shown: int = 10) -> None:
        self.num_shown = num_shown

    def before_run(self, runner: Runner) -> None:
        """Introduce the training set to the helpers, before a checkpoint is loaded."""
        branch = getattr(unwrap_model(runner.model), 'co_learning', None)
        if branch is not None and isinstance(runner._train_loop, BaseLoop):
            branch.prepare(describe_training(runner.train_dataloader.dataset))

    def before_train(self, runner: Runner) -> None:
        """Check the training data."""
        self._check(runner, runner.train_dataloader.dataset)

    def before_test(self, runner: Runner) -> None:
        """Check the test data; nothing is asked of those that load skeletons only."""
        model = unwrap_model(runner.model)
        if getattr(model, 'text_refinement', None) is not None:
            self._check(runner, runner.test_dataloader.dataset)

    def _check(self, runner: Runner, dataset: Any) -> None:
        model = unwrap_model(runner.model)
        message: list[str | None] = [None]
        if is_main_process():
            datasets = iterate_datasets(dataset)
            leaves = [dataset for dataset in datasets if hasattr(dataset, 'pipeline')]
            problems = [problem for leaf in leaves for problem in self.check(leaf, model)]
            message = ['\n'.join(dict.fromkeys(problems)) or None]
        broadcast_object_list(message)
        if message[0]:
            raise ValueError(f'co-learning data are not ready:\n{message[0]}')

    def check(self, dataset: Any, model: nn.Module) -> list[str]:
        """List the problems of one data set (not a wrapper), a text for each."""
        branch = getattr(model, 'co_learning', None)
        loaders = list(iterate_side_data(getattr(dataset, 'pipeline', None)))
        names = sample_names(dataset) if loaders else []
        kind = 'test' if getattr(dataset, 'test_mode', False) else 'training'
        problems = [self._check_samples(loader, names, kind) for loader in loaders]
        if branch is not None:
            # A file that cannot be opened has been reported already.
            complete = [loader for loader, p in zip(loaders, problems, strict=True) if not p]
            problems += [check_width(loader, branch) for loader in complete]
            if not any(problems):
                problems += check_inputs(dataset, loaders, branch)
        return [problem for problem in problems if problem]

    def _check_samples(
        self, loader: SideDataTransform, names: Sequence[str], kind: str
    ) -> str | None:
        missing = loader.missing(names)
        if not missing:
            return None
        shown = ', '.join(missing[: self.num_shown])
        more = ', ...' if len(missing) > self.num_shown else ''
        hint = '; is this the file or folder of another data set?' * (len(missing) == len(names))
        return (
            f"{loader.source}: field '{loader.key}' is missing for {len(missing)} of {len(names)} "
            f'{kind} samples: {shown}{more}{hint}'
        )


def describe_training(dataset: Any) -> TrainingSet:
    """List the samples of a data set and of those in its wrappers, each once."""
    labels: dict[str, int] = {}
    classes = None
    for leaf in iterate_datasets(dataset):
        if getattr(leaf, 'labels', None) is not None:
            labels |= zip(sample_names(leaf), map(int, leaf.labels), strict=True)
            classes = leaf.metainfo.get('classes') or classes
    return TrainingSet(list(labels), list(labels.values()), classes and tuple(classes))


def check_width(loader: SideDataTransform, branch: CoLearning) -> str | None:
    """Compare the width of a feature file with what the branch was built for."""
    if not isinstance(loader, FeatureTransform):
        return None
    for helper in branch.helpers:
        width = helper.input_widths.get(loader.key, loader.features.width)
        if width != loader.features.width:
            return (
                f"{loader.source}: field '{loader.key}' has "
                f'{counted(loader.features.width, "value")} per sample, but '
                f'{type(helper).__name__} was built for {width}'
            )
    return None


def check_inputs(
    dataset: Any, loaders: Sequence[SideDataTransform], branch: CoLearning
) -> list[str]:
    """Run the pipeline once and look for the inputs that the branch needs."""
    inputs = dataset[0]['inputs']
    return [
        f"the pipeline delivers no field '{key}' (it delivers {sorted(inputs)}), which "
        "the co-learning branch needs: add its Load... transform and its key to PackActionInputs' "
        'collect_keys'
        for key in branch.required_inputs
        if key not in inputs
    ]


def iterate_side_data(pipeline: Any) -> Iterator[SideDataTransform]:
    """Yield the side-data transforms of a pipeline, through nested transforms."""
    if isinstance(pipeline, SideDataTransform):
        yield pipeline
    elif isinstance(pipeline, (list, tuple)):
        for transform in pipeline:
            yield from iterate_side_data(transform)
    elif hasattr(pipeline, 'transforms'):
        yield from iterate_side_data(pipeline.transforms)
