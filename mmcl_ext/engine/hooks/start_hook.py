from typing import Any

from mmengine.hooks import Hook

from mmcl_ext.registry import HOOKS


@HOOKS.register_module()
class StartHook(Hook):
    """Note in ``begun`` whether a step of training or testing has begun."""

    def __init__(self) -> None:
        self.begun = False

    def before_train_iter(self, *args: Any, **kwargs: Any) -> None:
        """Note that training, or testing, has begun."""
        self.begun = True

    before_test_iter = before_train_iter
