_base_ = [
    '../_base_/models/infogcn.py',
    '../_base_/datasets/ntu60_xsub.py',
    '../_base_/schedules/infogcn_110e.py',
    '../_base_/default_runtime.py',
]
