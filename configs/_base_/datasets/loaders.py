# What the loaders of all data sets share. A data set's file adds its annotations, splits and
# pipelines, and changes what differs there.
pack_inputs = dict(
    type='PackActionInputs',
    collect_keys=('keypoint',),
    meta_keys=('sample_name', 'total_frames'),
)
train_dataloader = dict(
    batch_size=16,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(type='SkeletonDataset'),
)
val_dataloader = dict(
    batch_size=64,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='SkeletonDataset', test_mode=True),
)
test_dataloader = val_dataloader

val_evaluator = dict(type='AccMetric')
test_evaluator = val_evaluator
