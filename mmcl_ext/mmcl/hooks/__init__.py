from mmcl_ext.mmcl.hooks.co_learning_data_check_hook import CoLearningDataCheckHook
from mmcl_ext.mmcl.hooks.refinement_monitor_hook import RefinementMonitorHook
from mmcl_ext.mmcl.hooks.strip_checkpoint_hook import StripCheckpointHook

__all__ = ['CoLearningDataCheckHook', 'RefinementMonitorHook', 'StripCheckpointHook']
