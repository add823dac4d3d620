"""Whether a checkpoint is that of the model."""

from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor

from mmcl_ext.checkpoints.state_comparison import check_fit
from mmcl_ext.parallel.unwrap_model import unwrap_model
from mmcl_ext.registry import HOOKS


@HOOKS.register_module()
class CheckpointFitHook(Hook):
    """Stop a test whose checkpoint lacks weights of the model, or has others of another shape.

    MMEngine warns of both and tests what is left at random, which gives numbers all the same.
    What the checkpoint has beyond the model is left alone: it may be that of a training.
    """

    def __init__(self) -> None:
        self._weights: dict[str, Tensor] | None = None

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Note what the checkpoint has, before MMEngine fills the model."""
        weights = checkpoint.get('state_dict', checkpoint)
        self._weights = {key.removeprefix('module.'): value for key, value in weights.items()}

    def before_test(self, runner: Runner) -> None:
        """Compare it with the model.

        Raises:
            ValueError: Weights are missing or have another shape; names the first.
        """
        if self._weights is not None:
            model = unwrap_model(runner.model).state_dict()
            check_fit(model, self._weights, 'the checkpoint', allow_more=True)
