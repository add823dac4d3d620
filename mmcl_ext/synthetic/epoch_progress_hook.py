"""Progress of a training on the terminal."""

import sys
import time

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmcl_ext.registry import HOOKS


@HOOKS.register_module()
class EpochProgressHook(Hook):
    """Print a line after each epoch: loss, accuracy in training and time left.

    Args:
        title: What is trained.
    """

    priority = 'LOWEST'

    def __init__(self, title: str) -> None:
        self.title = title
        self._begin, self._first = 0.0, 0

    def before_train(self, runner: Runner) -> None:
        """Start the clock."""
        self._begin, self._first = time.monotonic(), runner.epoch

    def after_train_epoch(self, runner: Runner) -> None:
        """Print the line."""
        done, total = runner.epoch + 1, runner.max_epochs
        left = (time.monotonic() - self._begin) / (done - self._first) * (total - done)
        parts = [f'{self.title}: epoch {done:2}/{total}']
        for key, text in (('train/loss', 'loss {:.2f}'), ('train/top1_acc', 'accuracy {:.2f}')):
            scalars = runner.message_hub.log_scalars
            if key in scalars:
                parts.append(text.format(scalars[key].mean(len(runner.train_dataloader))))
        print('  '.join(parts), f' {left:3.0f} s left', file=sys.stderr, flush=True)
