# The schedule of docs/protocol.md: 12 epochs of five passes (the authors: 65), warm-up over 2;
# x0.1 at epochs 8 and 10; the last epoch counts.
_base_ = '../../skeleton/ctrgcn_nwucla.py'

train_cfg = dict(max_epochs=12, val_interval=12)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.5, by_epoch=True, begin=0, end=2),
    dict(type='MultiStepLR', milestones=[8, 10], gamma=0.1, by_epoch=True),
]
