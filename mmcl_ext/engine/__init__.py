"""Hooks, loops, optimizer wrappers and averaged weights of training and testing."""

from mmcl_ext.engine.foreach_ema import ForeachEMA
from mmcl_ext.engine.hooks.amp_overflow_hook import AmpOverflowHook
from mmcl_ext.engine.hooks.augmentation_seed_hook import AugmentationSeedHook
from mmcl_ext.engine.hooks.checkpoint_fit_hook import CheckpointFitHook
from mmcl_ext.engine.hooks.compile_report_hook import CompileReportHook
from mmcl_ext.engine.hooks.data_check_hook import DataCheckHook
from mmcl_ext.engine.hooks.finite_loss_hook import FiniteLossHook
from mmcl_ext.engine.hooks.prediction_image_hook import PredictionImageHook
from mmcl_ext.engine.hooks.random_state_hook import RandomStateHook
from mmcl_ext.engine.hooks.setup_summary_hook import SetupSummaryHook
from mmcl_ext.engine.hooks.start_hook import StartHook
from mmcl_ext.engine.hooks.tensorboard_hook import TensorboardHook
from mmcl_ext.engine.loops.resumable_train_loop import ResumableTrainLoop
from mmcl_ext.engine.optimizers.cpu_amp_optim_wrapper import CPUAmpOptimWrapper
from mmcl_ext.fileio.atomic_local_backend import AtomicLocalBackend

__all__ = [
    'AmpOverflowHook',
    'AtomicLocalBackend',
    'AugmentationSeedHook',
    'CPUAmpOptimWrapper',
    'CheckpointFitHook',
    'CompileReportHook',
    'DataCheckHook',
    'FiniteLossHook',
    'ForeachEMA',
    'PredictionImageHook',
    'RandomStateHook',
    'ResumableTrainLoop',
    'SetupSummaryHook',
    'StartHook',
    'TensorboardHook',
]
