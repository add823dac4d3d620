# Data and schedule of configs/mmcl/ctrgcn_ntu60.py, without co-learning.
_base_ = [
    '../_base_/models/ctrgcn.py',
    '../_base_/datasets/ntu60_xsub.py',
    '../_base_/schedules/mmcl_110e.py',
    '../_base_/default_runtime.py',
]

train_dataloader = dict(batch_size=100)  # on 2 GPUs: 200 samples a step
