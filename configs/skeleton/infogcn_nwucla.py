# InfoGCN's joints are --cfg-options model.backbone.k=7: with these 20 joints the tree has
# six levels below its root.
_base_ = [
    '../_base_/models/infogcn.py',
    '../_base_/datasets/nwucla.py',
    '../_base_/schedules/infogcn_110e.py',
    '../_base_/default_runtime.py',
]

model = dict(
    backbone=dict(graph_cfg=dict(layout='kinect_v1'), num_person=1),
    cls_head=dict(num_classes=10),
)
train_dataloader = dict(batch_size=64)
