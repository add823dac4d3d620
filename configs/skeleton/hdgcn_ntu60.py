_base_ = [
    '../_base_/models/hdgcn.py',
    '../_base_/datasets/ntu60_xsub.py',
    '../_base_/schedules/hdgcn_90e.py',
    '../_base_/default_runtime.py',
]
