# CTR-GCN on NW-UCLA: as on NTU RGB+D, but 16 samples a step, a weaker weight decay and a
# single drop of the learning rate. Validated every five epochs, which takes a percent of the
# training: its epochs are five passes through few clips.
_base_ = './ctrgcn_65e.py'

train_cfg = dict(val_interval=5)
optim_wrapper = dict(optimizer=dict(weight_decay=1e-4))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.2, by_epoch=True, begin=0, end=5),
    dict(type='MultiStepLR', milestones=[50], gamma=0.1, by_epoch=True),
]
auto_scale_lr = dict(base_batch_size=16)
