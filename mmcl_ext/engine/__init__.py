"""Hooks, loops and launch of training and testing."""

from mmcl_ext.engine.hooks import (
    AugmentationSeedHook,
    DataCheckHook,
    PredictionImageHook,
    RandomStateHook,
)
from mmcl_ext.engine.loops import ResumableTrainLoop
from mmcl_ext.engine.optimizers import CPUAmpOptimWrapper
from mmcl_ext.fileio.atomic_local_backend import AtomicLocalBackend

__all__ = [
    'AtomicLocalBackend',
    'AugmentationSeedHook',
    'CPUAmpOptimWrapper',
    'DataCheckHook',
    'PredictionImageHook',
    'RandomStateHook',
    'ResumableTrainLoop',
]
