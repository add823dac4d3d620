"""Whether a checkpoint is that of the model."""

from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmcl_ext.parallel.unwrap_model import unwrap_model
from mmcl_ext.registry import HOOKS


@HOOKS.register_module()
class CheckpointFitHook(Hook):
    """Stop a test whose checkpoint lacks weights of the model, or has others of another shape.

    MMEngine warns of both and tests what is left at random, which gives numbers all the same.
    What the checkpoint has beyond the model is left alone: it may be that of a training.
    """

    def __init__(self) -> None:
        self._shapes: dict[str, tuple[int, ...]] | None = None

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Note what the checkpoint has, before MMEngine fills the model."""
        weights = checkpoint.get('state_dict', checkpoint)
        self._shapes = {
            key.removeprefix('module.'): tuple(getattr(value, 'shape', ()))
            for key, value in weights.items()
        }

    def before_test(self, runner: Runner) -> None:
        """Compare it with the model.

        Raises:
            ValueError: Weights are missing or have another shape; names the first.
        """
        if self._shapes is None:
            return
        model = unwrap_model(runner.model)
        for key, value in model.state_dict().items():
            found = self._shapes.get(key)
            if found is None and not key.endswith('num_batches_tracked'):  # old ones lack it
                raise ValueError(f'the checkpoint is not that of the model: it has no {key}')
            if found not in (None, tuple(value.shape)):
                raise ValueError(
                    f'the checkpoint is not that of the model: {key} has shape {found} in it, '
                    f'{tuple(value.shape)} in the model'
                )
