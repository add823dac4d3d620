# Skeleton only on the training views of NW-UCLA: view 1 trains, view 2 tests.
_base_ = './ctrgcn_nwucla_12e.py'

ann_file = 'data/nwucla/training_views.safetensors'
train_dataloader = dict(dataset=dict(ann_file=ann_file, split='xview_train_fit'))
val_dataloader = dict(dataset=dict(ann_file=ann_file, split='xview_train_held_out'))
test_dataloader = val_dataloader
