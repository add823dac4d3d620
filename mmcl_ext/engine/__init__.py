"""Hooks, loops and launch of training and testing."""

from mmcl_ext.engine.atomic_local_backend import AtomicLocalBackend
from mmcl_ext.engine.hooks import (
    AugmentationSeedHook,
    DataCheckHook,
    PredictionImageHook,
    RandomStateHook,
)
from mmcl_ext.engine.loops import ResumableTrainLoop
from mmcl_ext.engine.optimizers import CPUAmpOptimWrapper

__all__ = [
    'AtomicLocalBackend',
    'AugmentationSeedHook',
    'CPUAmpOptimWrapper',
    'DataCheckHook',
    'PredictionImageHook',
    'RandomStateHook',
    'ResumableTrainLoop',
]
