# UTD-MHAD on CPU: 30 epochs of 27 steps, sized so that each of the two runs ends within the hour
# on one core. With a GPU a longer run costs little:
# --cfg-options train_cfg.max_epochs=90 param_scheduler.1.milestones="[60,78]"
# Warm-up: lr * (epoch + 1) / 5 in epochs 0..4; then x0.1 at epochs 20 and 26.
# The data set has no validation split, so no epoch is picked by accuracy: the last one counts,
# and is the only one to be validated.
train_cfg = dict(type='ResumableTrainLoop', max_epochs=30, val_interval=30)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=4e-4, nesterov=True),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.2, by_epoch=True, begin=0, end=5),
    dict(type='MultiStepLR', milestones=[20, 26], gamma=0.1, by_epoch=True),
]

auto_scale_lr = dict(enable=False, base_batch_size=16)
