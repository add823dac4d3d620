"""A runner whose terminal is spared what only the log file needs."""

import contextlib
import io
import logging
import warnings
from typing import Any

from mmengine.logging import MMLogger
from mmengine.runner import Runner
from torch import nn

_FILE_ONLY = (
    f'\n{"-" * 60}\nSystem environment',
    'Config:\n',
    'Hooks will be executed in the following order',
    'paramwise_options -- ',
    'Distributed training is not used, all SyncBatchNorm',
    'The model and loaded state dict do not match exactly',  # CheckpointFitHook says the share
    'The prefix is not set in metric class',
    '"FileClient" will be deprecated',
    '"HardDiskBackend" is the alias',
    'Loads checkpoint by ',
)
"""How messages of MMEngine begin that are long, or say nothing of the run."""


class TerminalRunner(Runner):
    """MMEngine's runner; the configuration, the environment and the hooks go to the log file only.

    What a user wants to see before the first step is left:
    :class:`~mmcl_ext.engine.hooks.setup_summary_hook.SetupSummaryHook`.
    """

    def build_logger(self, *args: Any, **kwargs: Any) -> MMLogger:
        """Build the logger; its file gets everything."""
        logger = super().build_logger(*args, **kwargs)
        for handler in logger.handlers:
            if not isinstance(handler, logging.FileHandler):
                handler.addFilter(lambda record: not str(record.msg).startswith(_FILE_ONLY))
        return logger

    def load_checkpoint(self, *args: Any, **kwargs: Any) -> dict:
        """Load weights; what MMEngine prints beside its log is logged."""
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            checkpoint: dict = super().load_checkpoint(*args, **kwargs)
        if text := printed.getvalue().strip():
            self.logger.info(text)
        return checkpoint

    def wrap_model(self, *args: Any, **kwargs: Any) -> nn.Module:
        """Wrap the model for several processes.

        MMEngine asks for ``broadcast_buffers=False``, which PyTorch wants to call
        ``forward_sync_buffers``.
        """
        with warnings.catch_warnings():
            warnings.filterwarnings('ignore', '`broadcast_buffers` is deprecated', FutureWarning)
            return super().wrap_model(*args, **kwargs)
