"""What the command lines do, as functions."""

from mmcl_ext.apis.test import test_model
from mmcl_ext.apis.train import build_runner, train_model
from mmcl_ext.config.options import (
    add_dump,
    apply_stream,
    drop_validation,
    last_checkpoint,
    load_config,
    set_amp,
    set_randomness,
    set_resume,
    set_work_dir,
    show_predictions,
    use_deployed_model,
)

__all__ = [
    'add_dump',
    'apply_stream',
    'build_runner',
    'drop_validation',
    'last_checkpoint',
    'load_config',
    'set_amp',
    'set_randomness',
    'set_resume',
    'set_work_dir',
    'show_predictions',
    'test_model',
    'train_model',
    'use_deployed_model',
]


def __getattr__(name: str) -> object:
    """Import the inferencers when they are asked for: training does not need them."""
    if name in ('MMCLInferencer', 'StreamingInferencer'):
        from mmcl_ext import inference

        return getattr(inference, name)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
