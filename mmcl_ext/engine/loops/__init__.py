"""Training loops."""

from mmcl_ext.engine.loops.resumable_train_loop import ResumableTrainLoop

__all__ = ['ResumableTrainLoop']
