"""Hooks, loops and launch of training and testing."""

from mmcl_ext.engine.atomic_local_backend import AtomicLocalBackend
from mmcl_ext.engine.hooks import (
    AugmentationSeedHook,
    DataCheckHook,
    PredictionImageHook,
    RandomStateHook,
)
from mmcl_ext.engine.loops import ResumableTrainLoop

__all__ = [
    'AtomicLocalBackend',
    'AugmentationSeedHook',
    'DataCheckHook',
    'PredictionImageHook',
    'RandomStateHook',
    'ResumableTrainLoop',
]
