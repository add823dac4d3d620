# The schedule of docs/protocol.md: 16 epochs of five passes (the authors: 65), warm-up over 2;
# x0.1 at epochs 11 and 14; the last epoch counts.
_base_ = '../../skeleton/ctrgcn_nwucla.py'

train_cfg = dict(max_epochs=16, val_interval=16, dynamic_intervals=None)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.5, by_epoch=True, begin=0, end=2),
    dict(type='MultiStepLR', milestones=[11, 14], gamma=0.1, by_epoch=True),
]
