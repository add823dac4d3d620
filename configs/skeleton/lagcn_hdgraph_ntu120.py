# Data and schedule of configs/mmcl/lagcn_hdgraph_ntu120.py, without co-learning.
_base_ = [
    '../_base_/models/lagcn.py',
    '../_base_/datasets/ntu120_xsub.py',
    '../_base_/schedules/mmcl_110e.py',
    '../_base_/default_runtime.py',
]

model = dict(
    backbone=dict(
        graph_cfg=dict(_delete_=True, type='HDGraph', layout='nturgb+d', center=1, flatten='union')
    ),
    cls_head=dict(num_classes=120),
)
train_dataloader = dict(batch_size=100)  # on 2 GPUs: 200 samples a step
