# A short schedule for a CPU: every sequence once per epoch (the authors: five times), 15 epochs
# (65). Warm-up over 2 epochs; x0.1 at epochs 9 and 13; the last epoch counts.
_base_ = './ctrgcn_nwucla.py'

train_cfg = dict(max_epochs=15, val_interval=15)
train_dataloader = dict(sampler=dict(times=1))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.5, by_epoch=True, begin=0, end=2),
    dict(type='MultiStepLR', milestones=[9, 13], gamma=0.1, by_epoch=True),
]
