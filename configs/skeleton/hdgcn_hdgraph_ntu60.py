# The skeleton-only twin of configs/mmcl: same data, same schedule, no co-learning.
# The HD-Graph is HD-GCN's own, by levels.
_base_ = [
    '../_base_/models/hdgcn.py',
    '../_base_/datasets/ntu60_xsub.py',
    '../_base_/schedules/mmcl_110e.py',
    '../_base_/default_runtime.py',
]

model = dict(cls_head=dict(num_classes=60))
train_dataloader = dict(batch_size=100)  # on 2 GPUs: 200 samples a step
