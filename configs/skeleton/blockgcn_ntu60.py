_base_ = [
    '../_base_/models/blockgcn.py',
    '../_base_/datasets/ntu60_xsub.py',
    '../_base_/schedules/hypergcn_140e.py',
    '../_base_/default_runtime.py',
]
