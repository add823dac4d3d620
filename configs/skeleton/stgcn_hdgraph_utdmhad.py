# The skeleton-only twin of configs/mmcl: same data, same schedule, no co-learning.
_base_ = [
    '../_base_/models/stgcn.py',
    '../_base_/datasets/utdmhad.py',
    '../_base_/schedules/utdmhad_30e.py',
    '../_base_/default_runtime.py',
]

model = dict(
    backbone=dict(
        graph_cfg=dict(_delete_=True, type='HDGraph', layout='kinect_v1', center=1, flatten='union')
    ),
    cls_head=dict(num_classes=27),
)
