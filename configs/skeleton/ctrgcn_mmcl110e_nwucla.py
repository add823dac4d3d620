# MMCL's schedule; its paper states one for all data sets. CTR-GCN's own: ctrgcn_nwucla.py.
_base_ = [
    '../_base_/models/ctrgcn.py',
    '../_base_/datasets/nwucla.py',
    '../_base_/schedules/mmcl_110e.py',
    '../_base_/default_runtime.py',
]

model = dict(
    backbone=dict(graph_cfg=dict(layout='kinect_v1'), num_person=1),
    cls_head=dict(num_classes=10),
)
train_dataloader = dict(batch_size=100)  # on 2 GPUs: 200 samples a step
