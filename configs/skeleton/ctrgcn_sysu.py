# No settings of CTR-GCN are published for SYSU 3D HOI. The schedule is that of UTD-MHAD.
_base_ = [
    '../_base_/models/ctrgcn.py',
    '../_base_/datasets/sysu_xsub.py',
    '../_base_/schedules/utdmhad_30e.py',
    '../_base_/default_runtime.py',
]

model = dict(
    backbone=dict(graph_cfg=dict(layout='kinect_v1'), num_person=1),
    cls_head=dict(num_classes=12),
)
