# Data and schedule of configs/mmcl/ctrgcn_ntu60xview.py, without co-learning.
_base_ = './ctrgcn_mmcl110e_ntu60.py'

train_dataloader = dict(dataset=dict(split='xview_train'))
val_dataloader = dict(dataset=dict(split='xview_val'))
test_dataloader = val_dataloader
