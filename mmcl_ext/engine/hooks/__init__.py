"""Hooks that know nothing of images and texts."""

from mmcl_ext.engine.hooks.amp_overflow_hook import AmpOverflowHook
from mmcl_ext.engine.hooks.augmentation_seed_hook import AugmentationSeedHook
from mmcl_ext.engine.hooks.checkpoint_fit_hook import CheckpointFitHook
from mmcl_ext.engine.hooks.data_check_hook import DataCheckHook
from mmcl_ext.engine.hooks.finite_loss_hook import FiniteLossHook
from mmcl_ext.engine.hooks.prediction_image_hook import PredictionImageHook
from mmcl_ext.engine.hooks.random_state_hook import RandomStateHook
from mmcl_ext.engine.hooks.setup_summary_hook import SetupSummaryHook
from mmcl_ext.engine.hooks.start_hook import StartHook
from mmcl_ext.engine.hooks.tensorboard_hook import TensorboardHook

__all__ = [
    'AmpOverflowHook',
    'AugmentationSeedHook',
    'CheckpointFitHook',
    'DataCheckHook',
    'FiniteLossHook',
    'PredictionImageHook',
    'RandomStateHook',
    'SetupSummaryHook',
    'StartHook',
    'TensorboardHook',
]
