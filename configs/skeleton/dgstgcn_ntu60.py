# DG-STGCN with the recipe of PYSKL and ProtoGCN. ProtoGCN's network is
# --cfg-options model.backbone.base_channels=96
# The layout gives the bones of their streams: hand tips on thumbs, whatever the file's layout.
_base_ = [
    '../_base_/models/dgstgcn.py',
    '../_base_/datasets/ntu60_xsub.py',
    '../_base_/pipelines/pyskl.py',
    '../_base_/schedules/dgstgcn_150e.py',
    '../_base_/default_runtime.py',
]

model = dict(cls_head=dict(average_clips='prob'))
close = [_base_.format_skeleton, _base_.pack_inputs]
bones = dict(layout='nturgb+d-ctrgcn')
train_dataloader = dict(
    batch_size=16, dataset=dict(bones, pipeline=[*_base_.uniform_train, *close])
)
val_dataloader = dict(batch_size=16, dataset=dict(bones, pipeline=[*_base_.uniform_val, *close]))
test_dataloader = dict(batch_size=16, dataset=dict(bones, pipeline=[*_base_.uniform_test, *close]))
