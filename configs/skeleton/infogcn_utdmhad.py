# InfoGCN's joints are --cfg-options model.backbone.k=7: with these 20 joints the tree has
# six levels below its root.
_base_ = [
    '../_base_/models/infogcn.py',
    '../_base_/datasets/utdmhad.py',
    '../_base_/schedules/utdmhad_30e.py',
    '../_base_/default_runtime.py',
]

model = dict(
    backbone=dict(graph_cfg=dict(layout='kinect_v1'), num_person=1),
    cls_head=dict(num_classes=27),
)
