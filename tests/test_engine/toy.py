"""A toy model and data set for tests of hooks and loops with a real Runner."""

import itertools

import torch
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import Dataset

_counter = itertools.count()


class ToyModel(BaseModel):
    """Dropout and batch norm: both keep state that a resumed run has to find again."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)  # it is built before the Runner seeds
        self.layers = nn.Sequential(
            nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 1)
        )

    def forward(self, inputs, mode='tensor'):
        outputs = self.layers(torch.stack(inputs))
        return dict(loss=outputs.square().mean()) if mode == 'loss' else list(outputs)


class ToyDataset(Dataset):
    """Samples whose augmentation depends on what ``set_epoch`` was told."""

    def __init__(self, length=12):
        self.length = length
        self.epoch_and_seed = torch.zeros(2, dtype=torch.int64).share_memory_()

    def __deepcopy__(self, memo):
        return type(self)(self.length)  # the Runner copies it; a copied tensor is not shared

    def set_epoch(self, epoch, seed):
        self.epoch_and_seed[:] = torch.tensor([epoch, seed])

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        if index >= self.length:
            raise IndexError(index)
        epoch, seed = self.epoch_and_seed.tolist()
        generator = torch.Generator().manual_seed(1000 * seed + 100 * epoch + index)
        return dict(inputs=torch.randn(4, generator=generator))


class ToyEvaluator:
    """Metric that draws from the global generator, as a careless one may."""

    def __new__(cls):
        from mmengine.evaluator import BaseMetric, Evaluator

        class Drawing(BaseMetric):
            def process(self, data_batch, data_samples):
                self.results.append(torch.rand(()).item())

            def compute_metrics(self, results):
                return dict(mean=sum(results) / len(results))

        return Evaluator(Drawing())


def toy_runner(
    work_dir,
    *,
    train_cfg,
    hooks,
    checkpoint,
    num_workers=0,
    validate=True,
    dataset=None,
    sampler='DefaultSampler',
    **kwargs,
):
    """A Runner on CPU in a process of its own name."""
    loader = dict(
        batch_size=4,
        num_workers=num_workers,
        persistent_workers=num_workers > 0,
        dataset=dataset or ToyDataset(),
        sampler=dict(type=sampler, shuffle=True),
    )
    val = dict(loader, dataset=ToyDataset(), sampler=dict(type='DefaultSampler', shuffle=False))
    return Runner(
        model=ToyModel(),
        work_dir=str(work_dir),
        train_dataloader=loader,
        train_cfg=train_cfg,
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1, momentum=0.9)),
        param_scheduler=dict(type='MultiStepLR', milestones=[1], by_epoch=True),
        val_dataloader=val if validate else None,
        val_cfg=dict() if validate else None,
        val_evaluator=ToyEvaluator() if validate else None,
        default_hooks=dict(logger=None, checkpoint=checkpoint),
        custom_hooks=hooks,
        randomness=dict(seed=5),
        experiment_name=f'toy{next(_counter)}',
        default_scope='mmcl_ext',
        **kwargs,
    )
