from importlib.util import find_spec

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmcl_ext.registry import HOOKS, VISBACKENDS


@HOOKS.register_module()
class TensorboardHook(Hook):
    """Add MMEngine's ``TensorboardVisBackend`` to the visualizer of a run.

    For the command line, which cannot add to the list ``visualizer.vis_backends``:
    ``--cfg-options default_hooks.tensorboard.type=TensorboardHook``. The event file lies in
    ``save_dir``, by default ``vis_data`` of the run.
    """

    priority = 'VERY_HIGH'

    def __init__(self, save_dir: str | None = None) -> None:
        if find_spec('tensorboard') is None:
            raise ValueError('TensorboardHook needs the package tensorboard: pip install it')
        self.save_dir = save_dir

    def before_run(self, runner: Runner) -> None:
        """Add the backend, unless the configuration has one."""
        backends = runner.visualizer._vis_backends
        if any(type(b).__name__ == 'TensorboardVisBackend' for b in backends.values()):
            return
        folder = self.save_dir or f'{runner.log_dir}/vis_data'
        cfg = dict(type='TensorboardVisBackend', save_dir=folder)
        backends['TensorboardVisBackend'] = VISBACKENDS.build(cfg)
