from typing import Any

from mmengine.runner import EpochBasedTrainLoop
from torch import nn

from mmcl_ext.registry import LOOPS


@LOOPS.register_module()
class ResumableTrainLoop(EpochBasedTrainLoop):
    """MMEngine's epoch-based loop; skips the batches a checkpoint has seen.

    MMEngine starts the whole epoch again when it resumes from a checkpoint that was taken inside
    one (``CheckpointHook(by_epoch=False)``). Here :class:`~mmcl_ext.engine.RandomStateHook` sets
    ``start_batch`` to the batches of the current epoch that are done already.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.start_batch = 0

    def run(self) -> nn.Module:
        """Train; validate at least once, also if killed in the last validation and resumed."""
        finished = self._epoch >= self._max_epochs
        model = super().run()
        if finished and self.runner.val_loop is not None:
            self.runner.val_loop.run()
        return model

    def run_epoch(self) -> None:
        """Train on the batches of one epoch that are not done yet."""
        self.runner.call_hook('before_train_epoch')
        self.runner.model.train()
        for idx, data_batch in enumerate(self.dataloader):
            if idx >= self.start_batch:
                self.run_iter(idx, data_batch)
        self.start_batch = 0
        self.runner.call_hook('after_train_epoch')
        self._epoch += 1
