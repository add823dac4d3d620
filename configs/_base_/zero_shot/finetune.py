# What fine-tuning on another data set changes in the source's schedule, as variables: 30
# epochs as a training on UTD-MHAD from the start; the backbone learns ten times slower than
# the new head.
finetune_train = dict(max_epochs=30, val_begin=1, val_interval=30)
finetune_optim = dict(paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.1))))
finetune_scheduler = [
    dict(type='LinearLR', start_factor=0.2, by_epoch=True, begin=0, end=5),
    dict(type='MultiStepLR', milestones=[20, 26], gamma=0.1, by_epoch=True),
]
one_pass = dict(_delete_=True, type='DefaultSampler', shuffle=True)
