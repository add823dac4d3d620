# The recipe of dgstgcn_ntu60.py on UTD-MHAD, for which its authors publish none.
_base_ = [
    '../_base_/models/dgstgcn.py',
    '../_base_/datasets/utdmhad.py',
    '../_base_/pipelines/pyskl.py',
    '../_base_/schedules/dgstgcn_150e.py',
    '../_base_/default_runtime.py',
]

graph = dict(layout='kinect_v1')
head = dict(num_classes=27, average_clips='prob')
model = dict(backbone=dict(graph_cfg=graph, num_person=1), cls_head=head)
close = _base_.test_pipeline[-2:]
train_dataloader = dict(dataset=dict(pipeline=[*_base_.uniform_train, *close]))
val_dataloader = dict(batch_size=16, dataset=dict(pipeline=[*_base_.uniform_val, *close]))
test_dataloader = dict(batch_size=16, dataset=dict(pipeline=[*_base_.uniform_test, *close]))
