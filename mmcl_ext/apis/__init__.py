"""What the command lines do, as functions.

The inferencers are found here, too, as MMAction2's are in ``mmaction.apis``.
"""

from typing import Any

from mmcl_ext.apis.class_report import report_classes
from mmcl_ext.apis.model import get_model
from mmcl_ext.apis.test import test_model
from mmcl_ext.apis.train import build_runner, train_model
from mmcl_ext.config.build_model import use_deployed_model
from mmcl_ext.config.load_config import apply_stream, load_config
from mmcl_ext.config.number_format import set_number_format
from mmcl_ext.config.options import (
    add_dump,
    drop_validation,
    last_checkpoint,
    set_launcher,
    set_randomness,
    set_resume,
    set_work_dir,
    show_predictions,
)
from mmcl_ext.config.shipped_configs import get_config, list_models

__all__ = [
    'add_dump',
    'apply_stream',
    'build_runner',
    'drop_validation',
    'get_config',
    'get_model',
    'last_checkpoint',
    'list_models',
    'load_config',
    'report_classes',
    'set_launcher',
    'set_number_format',
    'set_randomness',
    'set_resume',
    'set_work_dir',
    'show_predictions',
    'test_model',
    'train_model',
    'use_deployed_model',
]


def __getattr__(name: str) -> Any:
    if name in ('MMCLInferencer', 'StreamingInferencer'):
        from mmcl_ext import inference

        return getattr(inference, name)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
