# LA-GCN's schedule for NW-UCLA.
_base_ = [
    '../_base_/models/lagcn.py',
    '../_base_/datasets/nwucla.py',
    '../_base_/schedules/nwucla_65e.py',
    '../_base_/default_runtime.py',
]

model = dict(
    backbone=dict(graph_cfg=dict(layout='kinect_v1'), num_person=1),
    cls_head=dict(num_classes=10),
)
