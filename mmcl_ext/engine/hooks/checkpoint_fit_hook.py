from dataclasses import replace
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import BaseLoop, Runner
from torch import Tensor

from mmcl_ext.checkpoints.data_description import (
    ALLOWED_KEY,
    DATA_KEY,
    DataDescription,
    check_same_data,
    describe_differences,
    find_pipeline,
    stream_of,
)
from mmcl_ext.checkpoints.state_comparison import check_finite, check_fit, describe_loading
from mmcl_ext.fileio.checkpoint import find_weights, read_checkpoint
from mmcl_ext.parallel.collectives import unwrap_model
from mmcl_ext.registry import HOOKS


@HOOKS.register_module()
class CheckpointFitHook(Hook):
    """Write into a checkpoint what data it was trained on, and compare where it is loaded.

    - A test stops where the checkpoint lacks weights of the model, has others of another
      shape or some that are not finite, or was trained on other data. MMEngine warns of the
      first two and tests what is left at random. What the checkpoint has beyond the model is
      left alone.
    - A training that is resumed stops where the checkpoint is no whole one, or that of
      another training.
    - A training that starts from ``load_from`` says before its first step which share of the
      weights was loaded and how the data differ. It stops where nothing was loaded, and where
      it keeps a head for other classes than the data have.
    - So does one whose model has a ``source`` of its backbone. A frozen backbone cannot learn
      what differs: there the training stops, whatever the classes.

    The configuration's ``allow_differences`` names fields of :class:`DataDescription` that
    may differ.
    """

    def __init__(self) -> None:
        self._weights: dict[str, Tensor] | None = None
        self._meta: dict[str, Any] = {}
        self._notes: list[str] = []

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Describe the data of the training in ``meta``."""
        checkpoint['meta'][DATA_KEY] = describe_training(runner).to_dict()

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Note what the checkpoint has, before MMEngine fills the model; check a training's."""
        weights = checkpoint.get('state_dict', checkpoint)
        self._weights = {key.removeprefix('module.'): value for key, value in weights.items()}
        if not self._weights.keys() & unwrap_model(runner.model).state_dict().keys():
            name = getattr(runner, '_load_from', None) or 'the checkpoint'
            self._weights = find_weights(checkpoint, name)
            checkpoint['state_dict'] = dict(self._weights)
        self._meta = checkpoint.get('meta') or {}
        if isinstance(getattr(runner, '_train_loop', None), BaseLoop):
            if runner._resume:
                self._check_resumed(runner, checkpoint)
            else:
                self._check_start(runner)

    def before_train(self, runner: Runner) -> None:
        """Say what was loaded."""
        source = getattr(unwrap_model(runner.model), 'source', None)
        if source and not runner._resume:
            self._check_source(runner, source)
        for note in self._notes:
            runner.logger.info(note)

    def before_test(self, runner: Runner) -> None:
        """Refuse weights that are missing, of another shape or not finite, and other test data."""
        if self._weights is None:
            return
        state = unwrap_model(runner.model).state_dict()
        check_fit(state, self._weights, 'the checkpoint', allow_more=True)
        used_weights = {k: v for k, v in self._weights.items() if k in state}
        check_finite(used_weights, 'the checkpoint')
        if self._meta:
            pipeline = find_pipeline(runner.cfg.test_dataloader)
            used = _describe(runner, pipeline, runner.test_dataloader.dataset)
            self._compare(runner, used, 'the test')

    def _check_resumed(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        source = f'cannot resume from {runner._load_from or "the last checkpoint"}'
        if 'message_hub' not in checkpoint:
            raise ValueError(
                f'{source}: it holds weights alone, as stripped and published files do, not the '
                'state of a training; start one from it with --cfg-options load_from=FILE'
            )
        model = unwrap_model(runner.model)
        check_fit(model.state_dict(), self._weights or {}, source, allow_more=True)
        self._compare(runner, describe_training(runner), 'this training')

    def _check_start(self, runner: Runner) -> None:
        model, source = unwrap_model(runner.model), f'load_from={runner._load_from}'
        weights = self._weights or {}
        self._notes = [describe_loading(model, weights, source)]
        here = describe_training(runner)
        found = DataDescription.from_meta(self._meta).differences(here)
        if found:
            self._notes.append(describe_differences(found, source, 'this training'))
        head = {k: v for k, v in model.named_parameters() if k.startswith('cls_head.')}
        fits = all(k in weights and weights[k].shape == v.shape for k, v in head.items())
        if 'classes' in found and fits:
            _refuse_head(runner, here, self._notes[-1])

    def _check_source(self, runner: Runner, path: str) -> None:
        """Compare the data that the model's backbone comes from with those of this training."""
        model: Any = unwrap_model(runner.model)
        content, source = read_checkpoint(path), f'source={path}'
        backbone = {k: v for k, v in content['state_dict'].items() if k.startswith('backbone.')}
        self._notes.append(describe_loading(model, backbone, source))
        here = replace(describe_training(runner), classes=None, num_classes=None)
        trained = DataDescription.from_meta(content['meta'])
        if getattr(model, 'frozen', False):
            check_same_data(trained, here, source, 'this training', runner.cfg.get(ALLOWED_KEY, ()))
        elif found := trained.differences(here):
            self._notes.append(describe_differences(found, source, 'this training'))

    def _compare(self, runner: Runner, here: DataDescription, place: str) -> None:
        trained = DataDescription.from_meta(self._meta)
        name = str(runner._load_from or 'the checkpoint')
        check_same_data(trained, here, name, place, runner.cfg.get(ALLOWED_KEY, ()))


def describe_training(runner: Runner) -> DataDescription:
    """Describe the data of a training: its own stream, and the transforms of the test."""
    cfg = runner.cfg
    trained = find_pipeline(cfg.get('train_dataloader'))
    tested = find_pipeline(cfg.get('test_dataloader') or cfg.get('val_dataloader'))
    stream = stream_of(trained) if trained else None
    return _describe(runner, tested, runner.train_dataloader.dataset, stream)


def _describe(
    runner: Runner, pipeline: list[Any] | None, dataset: Any, stream: str | None = None
) -> DataDescription:
    head = getattr(unwrap_model(runner.model), 'cls_head', None)
    return DataDescription.of(
        pipeline,
        getattr(dataset, 'metainfo', {}),
        stream=stream,
        num_classes=getattr(head, 'num_classes', None),
        backbone=runner.cfg.model.get('backbone'),
    )


def _refuse_head(runner: Runner, here: DataDescription, difference: str) -> None:
    """Stop where the head that is kept has another number of classes than the data."""
    classes = len(here.classes or ())
    allowed = runner.cfg.get(ALLOWED_KEY, ())
    if classes != here.num_classes and 'classes' not in allowed:
        raise ValueError(
            f'{difference}: set model.cls_head.num_classes={classes} for a new head, or '
            f'{ALLOWED_KEY}="classes" to keep the head of {here.num_classes}'
        )
