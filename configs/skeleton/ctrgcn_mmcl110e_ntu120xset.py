# Data and schedule of configs/mmcl/ctrgcn_ntu120xset.py, without co-learning.
_base_ = './ctrgcn_mmcl110e_ntu120.py'

train_dataloader = dict(dataset=dict(split='xset_train'))
val_dataloader = dict(dataset=dict(split='xset_val'))
test_dataloader = val_dataloader
