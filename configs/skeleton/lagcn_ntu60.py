_base_ = [
    '../_base_/models/lagcn.py',
    '../_base_/datasets/ntu60_xsub.py',
    '../_base_/schedules/mmcl_110e.py',
    '../_base_/default_runtime.py',
]

train_dataloader = dict(batch_size=100)  # on 2 GPUs: 200 samples a step
