_base_ = [
    '../_base_/models/aagcn.py',
    '../_base_/datasets/ntu120_xsub.py',
    '../_base_/schedules/ctrgcn_65e.py',
    '../_base_/default_runtime.py',
]

model = dict(cls_head=dict(num_classes=120))
