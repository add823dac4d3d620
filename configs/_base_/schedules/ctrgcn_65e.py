# CTR-GCN (Chen et al., ICCV 2021) on NTU RGB+D: 65 epochs, 64 samples a step.
# Warm-up: lr * (epoch + 1) / 5 in epochs 0..4; then x0.1 at epochs 35 and 55.
# Validated four times, since NTU RGB+D 120 has 0.8 test clips for each training clip.
train_cfg = dict(type='ResumableTrainLoop', max_epochs=65, val_begin=1, val_interval=20)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=4e-4, nesterov=True),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.2, by_epoch=True, begin=0, end=5),
    dict(type='MultiStepLR', milestones=[35, 55], gamma=0.1, by_epoch=True),
]

auto_scale_lr = dict(enable=False, base_batch_size=64)
