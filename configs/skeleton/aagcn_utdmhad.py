_base_ = [
    '../_base_/models/aagcn.py',
    '../_base_/datasets/utdmhad.py',
    '../_base_/schedules/utdmhad_30e.py',
    '../_base_/default_runtime.py',
]

model = dict(
    backbone=dict(graph_cfg=dict(layout='kinect_v1'), num_person=1),
    cls_head=dict(num_classes=27),
)
