# The recipe of dgstgcn_ntu60.py on NW-UCLA, for which its authors publish none.
_base_ = ['../_base_/dgstgcn_150e.py', '../_base_/datasets/nwucla.py']

model = dict(cls_head=dict(num_classes=10))
close = _base_.test_pipeline[-2:]
train_dataloader = dict(dataset=dict(pipeline=[*_base_.uniform_train, *close]))
val_dataloader = dict(batch_size=16, dataset=dict(pipeline=[*_base_.uniform_val, *close]))
test_dataloader = dict(batch_size=16, dataset=dict(pipeline=[*_base_.uniform_test, *close]))
