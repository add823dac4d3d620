# The same with alignment; the features are those of the quarter.
_base_ = './ctrgcn_nwucla_depth_cached.py'

image_file = 'data/nwucla/image_features_25.safetensors'
model = dict(co_learning=dict(fam=dict(in_channels=image_file)))
pipeline = [dict(_base_.load_feature, file=image_file), *_base_.pipeline[1:]]
few = dict(ann_file='data/nwucla/labels_25.safetensors', split='xview_train_fit')
train_dataloader = dict(sampler=dict(times=10), dataset=dict(few, pipeline=pipeline))
