# The pilot of docs/protocol.md: view 1 trains, view 2 tests; the features are those of view 1, and
# the weight and the temperature those of the paper, from which the pilot departs.
_base_ = './ctrgcn_nwucla_depth_cached.py'

ann_file = 'data/nwucla/training_views.safetensors'
image_file = 'data/nwucla/image_features_view1.safetensors'
loss = dict(alignment_weight=0.1, contrastive=dict(temperature=0.4))
model = dict(co_learning=dict(fam=dict(in_channels=image_file), loss=loss))
pipeline = [dict(_base_.load_feature, file=image_file), *_base_.pipeline[1:]]
train_dataloader = dict(dataset=dict(ann_file=ann_file, split='xview_train_fit', pipeline=pipeline))
val_dataloader = dict(dataset=dict(ann_file=ann_file, split='xview_train_held_out'))
test_dataloader = val_dataloader
