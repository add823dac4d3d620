# Data and schedule of configs/mmcl/ctrgcn_hdgraph_utdmhad.py, without co-learning.
_base_ = [
    '../_base_/models/ctrgcn.py',
    '../_base_/datasets/utdmhad.py',
    '../_base_/schedules/utdmhad_30e.py',
    '../_base_/default_runtime.py',
]

model = dict(
    backbone=dict(
        graph_cfg=dict(
            _delete_=True, type='HDGraph', layout='kinect_v1', center=1, flatten='union'
        ),
        num_person=1,
    ),
    cls_head=dict(num_classes=27),
)
