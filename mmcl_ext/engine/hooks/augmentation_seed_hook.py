from mmengine.dataset import InfiniteSampler
from mmengine.hooks import Hook
from mmengine.runner import IterBasedTrainLoop, Runner

from mmcl_ext.datasets.nested_datasets import iterate_datasets
from mmcl_ext.registry import HOOKS


@HOOKS.register_module()
class AugmentationSeedHook(Hook):
    """Tell the training datasets the epoch before each pass over the data.

    Datasets with ``set_epoch(epoch, seed)`` draw each sample's augmentation
    from (seed, epoch, sample), so that it depends neither on the number of
    loader workers nor on a restart. With an iteration-based loop an epoch is
    one pass of the sampler; a sampler without end has a single one.
    """

    def before_train(self, runner: Runner) -> None:
        """Follow the sampler's passes where the loop knows no epochs."""
        if isinstance(runner.train_loop, IterBasedTrainLoop):
            self._follow_sampler(runner)

    def before_train_epoch(self, runner: Runner) -> None:
        """Announce the epoch, before the loader's workers ask for samples."""
        self._announce(runner, runner.epoch)

    def _announce(self, runner: Runner, epoch: int) -> None:
        for dataset in iterate_datasets(runner.train_dataloader.dataset):
            if hasattr(dataset, 'set_epoch'):
                dataset.set_epoch(epoch, runner.seed)

    def _follow_sampler(self, runner: Runner) -> None:
        """Make the sampler pass its epoch on: it is set between two passes."""
        loop, sampler = runner.train_loop, runner.train_dataloader.sampler
        if isinstance(sampler, InfiniteSampler):
            runner.logger.warning(
                'InfiniteSampler never ends a pass over the data: every sample will be '
                'augmented in the same way each time. Use DefaultSampler.'
            )
        set_sampler_epoch = sampler.set_epoch

        def set_epoch(epoch: int) -> None:
            set_sampler_epoch(epoch)
            self._announce(runner, epoch)

        sampler.set_epoch = set_epoch
        # The loop's workers began to fetch when it was built, before any announcement.
        self._announce(runner, runner.epoch)
        loop.dataloader_iterator = type(loop.dataloader_iterator)(loop.dataloader)
