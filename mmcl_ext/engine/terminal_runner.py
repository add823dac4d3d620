"""A runner whose terminal is spared what only the log file needs."""

import logging
from typing import Any

from mmengine.logging import MMLogger
from mmengine.runner import Runner

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
                handler.addFilter(_is_for_terminal)
        return logger


def _is_for_terminal(record: logging.LogRecord) -> bool:
    return not str(record.msg).startswith(_FILE_ONLY)
