from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmcl_ext.checkpoints.strip import strip_checkpoint
from mmcl_ext.registry import HOOKS


@HOOKS.register_module()
class StripCheckpointHook(Hook):
    """Write the skeleton-only part of the checkpoints next to them.

    At the end of the training the last checkpoint and the best ones are stripped:
    ``epoch_65.pth`` gives ``epoch_65_skeleton.pth``, by its ``suffix``. The result loads with
    ``strict=True`` into the skeleton-only configuration. With ``every_checkpoint`` each one is
    stripped when it is saved; strips of checkpoints that ``CheckpointHook`` removes stay.
    """

    priority = 'LOWEST'
    """After ``CheckpointHook``, whose priority is VERY_LOW."""

    def __init__(self, suffix: str = '_skeleton', every_checkpoint: bool = False) -> None:
        if not suffix:
            raise ValueError('suffix is empty: the training checkpoint would be overwritten')
        self.suffix = suffix
        self.every_checkpoint = every_checkpoint
        self._last: str | None = None

    def after_train_epoch(self, runner: Runner, *args: Any, **kwargs: Any) -> None:
        """Strip the checkpoint that was saved after this epoch or iteration, if asked to."""
        last = runner.message_hub.runtime_info.get('last_ckpt')
        if self.every_checkpoint and is_main_process() and last != self._last:
            self._strip(runner, last)
            self._last = last

    after_train_iter = after_train_epoch

    def after_train(self, runner: Runner) -> None:
        """Strip the last checkpoint and the best ones."""
        if not is_main_process():
            return
        known = runner.message_hub.runtime_info
        best = [known[key] for key in sorted(known) if key.startswith('best_ckpt')]
        for path in dict.fromkeys([known.get('last_ckpt'), *best]):
            self._strip(runner, path)

    def _strip(self, runner: Runner, path: str | None) -> None:
        if path is None or not Path(path).is_file():
            runner.logger.warning(f'no local checkpoint to strip: {path}')
            return
        target = Path(path).with_name(f'{Path(path).stem}{self.suffix}.pth')
        dropped = strip_checkpoint(path, target)
        runner.logger.info(f'skeleton-only checkpoint {target} ({dropped} train-only keys dropped)')
