# MMCL's schedule on the backbone's own graph: the skeleton-only twin of mmcl/stgcnpp_ntu60.py.
_base_ = [
    '../_base_/models/stgcnpp.py',
    '../_base_/datasets/ntu60_xsub.py',
    '../_base_/schedules/mmcl_110e.py',
    '../_base_/default_runtime.py',
]

train_dataloader = dict(batch_size=100)  # on 2 GPUs: 200 samples a step
