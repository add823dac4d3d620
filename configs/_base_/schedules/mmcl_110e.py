# MMCL (Liu et al., ACM MM 2024): 110 epochs, 200 samples a step.
# Warm-up: lr * (epoch + 1) / 5 in epochs 0..4; then x0.1 at epochs 90 and 100.
train_cfg = dict(type='ResumableTrainLoop', max_epochs=110, val_begin=1, val_interval=30)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=4e-4, nesterov=True),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.2, by_epoch=True, begin=0, end=5),
    dict(type='MultiStepLR', milestones=[90, 100], gamma=0.1, by_epoch=True),
]

auto_scale_lr = dict(enable=False, base_batch_size=200)
