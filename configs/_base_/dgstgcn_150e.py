# DG-STGCN with the recipe of PYSKL and ProtoGCN for one person of a Kinect. A child adds the data
# set, the number of its classes and its loaders, which two bases cannot both hold.
_base_ = [
    './models/dgstgcn.py',
    './pipelines/pyskl.py',
    './schedules/dgstgcn_150e.py',
    './default_runtime.py',
]

model = dict(
    backbone=dict(graph_cfg=dict(layout='kinect_v1'), num_person=1),
    cls_head=dict(average_clips='prob'),
)
