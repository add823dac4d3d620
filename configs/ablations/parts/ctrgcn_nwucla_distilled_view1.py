# The same on the training views alone: view 1 trains, view 2 tests.
_base_ = './ctrgcn_nwucla_distilled.py'

ann_file = 'data/nwucla/training_views.safetensors'
teacher = dict(_base_.teacher, file='data/nwucla/image_scores_view1.pkl')
model = dict(co_learning=dict(helpers=[teacher]))
train_dataloader = dict(dataset=dict(ann_file=ann_file, split='xview_train_fit'))
val_dataloader = dict(dataset=dict(ann_file=ann_file, split='xview_train_held_out'))
test_dataloader = val_dataloader
