# Short enough for two processor cores. The test split is looked at once, at the end.
train_cfg = dict(type='ResumableTrainLoop', max_epochs=20, val_interval=20)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.05, momentum=0.9, weight_decay=4e-4, nesterov=True),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.2, by_epoch=True, begin=0, end=2),
    dict(type='CosineAnnealingLR', eta_min=1e-4, by_epoch=True, begin=2, end=20),
]

auto_scale_lr = dict(enable=False, base_batch_size=26)
