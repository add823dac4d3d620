# DG-STGCN, ProtoGCN and ACLNet: 150 epochs, 16 samples a step, a cosine to 0, step by step.
train_cfg = dict(type='ResumableTrainLoop', max_epochs=150, val_begin=1, val_interval=30)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.025, momentum=0.9, weight_decay=5e-4, nesterov=True),
)
param_scheduler = [
    dict(
        type='CosineAnnealingLR',
        eta_min=0,
        by_epoch=True,
        begin=0,
        end=150,
        convert_to_iter_based=True,
    )
]

auto_scale_lr = dict(enable=False, base_batch_size=16)
