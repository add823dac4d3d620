# Data and schedule of configs/mmcl/hdgcn_hdgraph_ntu120.py, without co-learning.
# HD-GCN keeps the levels of the HD-Graph apart.
_base_ = [
    '../_base_/models/hdgcn.py',
    '../_base_/datasets/ntu120_xsub.py',
    '../_base_/schedules/mmcl_110e.py',
    '../_base_/default_runtime.py',
]

model = dict(cls_head=dict(num_classes=120))
train_dataloader = dict(batch_size=100)  # on 2 GPUs: 200 samples a step
