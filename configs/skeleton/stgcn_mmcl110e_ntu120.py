# MMCL's schedule on the backbone's own graph: the skeleton-only twin of mmcl/stgcn_ntu120.py.
_base_ = [
    '../_base_/models/stgcn.py',
    '../_base_/datasets/ntu120_xsub.py',
    '../_base_/schedules/mmcl_110e.py',
    '../_base_/default_runtime.py',
]

model = dict(cls_head=dict(num_classes=120))
train_dataloader = dict(batch_size=100)  # on 2 GPUs: 200 samples a step
