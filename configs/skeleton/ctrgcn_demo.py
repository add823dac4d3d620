# A small CTR-GCN for the synthetic demo data.
_base_ = [
    '../_base_/models/ctrgcn.py',
    '../_base_/datasets/demo.py',
    '../_base_/schedules/demo_20e.py',
    '../_base_/default_runtime.py',
]

small = dict(
    base_channels=16, num_person=1, num_stages=5, inflate_stages=(2, 4), down_stages=(2, 4)
)
model = dict(backbone=small, cls_head=dict(num_classes=13))
