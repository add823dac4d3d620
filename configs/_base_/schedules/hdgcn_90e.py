# HD-GCN (Lee et al., ICCV 2023): 90 epochs, 64 samples a step.
# Warm-up: lr * (epoch + 1) / 5 in epochs 0..4; then a cosine to 1e-4, step by step.
_base_ = './ctrgcn_65e.py'

train_cfg = dict(max_epochs=90, val_interval=30)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.2, by_epoch=True, begin=0, end=5),
    dict(
        type='CosineAnnealingLR',
        eta_min=1e-4,
        by_epoch=True,
        begin=5,
        end=90,
        convert_to_iter_based=True,
    ),
]
