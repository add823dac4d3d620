# Hyper-GCN (ICCV 2025) and BlockGCN (CVPR 2024) on NTU RGB+D: 140 epochs, 64 samples a step.
# Warm-up: lr * (epoch + 1) / 5 in epochs 0..4; then x0.1 at epochs 110 and 120.
_base_ = './ctrgcn_65e.py'

train_cfg = dict(max_epochs=140, val_interval=35)
optim_wrapper = dict(optimizer=dict(lr=0.05))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.2, by_epoch=True, begin=0, end=5),
    dict(type='MultiStepLR', milestones=[110, 120], gamma=0.1, by_epoch=True),
]
